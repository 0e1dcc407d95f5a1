/** The texts of the page of all jobs. */
export const texts = {
  heading: "Jobs",
  lead: "All your jobs, updated live.",
  filter: "Show",
  filters: {
    all: "All",
    live: "In progress",
    waiting: "Needs your decision",
    completed: "Done",
    ended: "Failed or cancelled",
  },
  empty: "No jobs yet",
  emptyLead: "Your imports appear here.",
  choose: "Choose file",
  noneMatch: "No jobs match.",
  more: "Show older jobs",
};
