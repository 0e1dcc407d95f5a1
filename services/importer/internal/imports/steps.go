package imports

// Kind is the kind of an import's job.
const Kind = "import"

// The job's steps before and after those of the sheets, whose steps have the schema's names of the sheets.
const (
	StepReceive = "receive"
	StepFinish  = "finish"
)
