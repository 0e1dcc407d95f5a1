/** The texts of the start page. */
export const texts = {
  heading: "Import your Excel file",
  lead: "Every cell is checked. Your rows are saved all together at the end, or not at all.",
  recent: "Recent jobs",
  allJobs: "See all jobs",

  other: {
    heading: "Start another job",
    lead: "Workers are ready for these jobs. Start one and watch it run.",
    starting: "Starting…",
    start: "Start",
  },
};
