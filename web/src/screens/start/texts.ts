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
    character: {
      heading: "Build a character",
      lead: "Eight steps with rules and dice, and a story that appears while you read.",
      name: "Name",
      namePlaceholder: "Chosen by the worker",
      seed: "Seed",
      seedPlaceholder: "Any",
      submit: "Build it",
      title: (name: string) => (name ? `The character of ${name}` : "A new character"),
    },
    media: {
      heading: "Render a picture",
      lead: "Ray tracing that you can watch from the first row to the last.",
      scene: "Scene",
      scenes: { spheres: "Spheres", julia: "Julia set" },
      size: "Size in pixels",
      submit: "Render it",
      title: (scene: string, size: string) => `${scene}, ${size}`,
    },
  },
};
