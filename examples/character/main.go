// Command character is a worker that builds fantasy characters: jobs of kind `character`. It needs clients/go and nothing
// else of Headway. README.md explains how to write such a worker.
package main

import (
	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// description tells the web UI which form to offer for such jobs.
var description = &jobsv1.KindDescription{
	Kind:    "character",
	Title:   "Build a character",
	Summary: "Eight steps with rules and dice, and a story that appears while you read.",
	Fields: []*jobsv1.KindField{
		{Name: "name", Label: "Name", Hint: "Chosen by the worker", MaxLength: maxName},
		{Name: "seed", Label: "Seed", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER, Hint: "Any", Minimum: new(0.0), Maximum: new(float64(maxSeed))},
	},
}

func main() {
	headway.Main(headway.WorkerConfig{
		Handlers:     map[string]headway.Handler{"character": build},
		Descriptions: []*jobsv1.KindDescription{description},
		Concurrency:  4,
	})
}
