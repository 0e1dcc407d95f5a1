/** The texts of an import's page. */
export const texts = {
  back: "Import another file",
  dryRun: "Test only",
};
