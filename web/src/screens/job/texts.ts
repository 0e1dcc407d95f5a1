/** The texts of the page of a job that is not an import. */
export const texts = {
  back: "All jobs",
  remove: "Delete",
  result: "Result",
  question: "This job needs your answer",
  answer: "Your answer, as JSON",
  sendAnswer: "Send answer",
  answerInvalid: "Enter a JSON object, for example {}.",
  failed: "Job failed",
  cancelled: "Job cancelled",
};
