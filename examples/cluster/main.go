// Command cluster is a worker that finds groups of points: jobs of kind `cluster`. It uses k-means, and writes the points and
// each step of the groups to the job's output. README.md describes it.
package main

import (
	"strconv"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// description describes the form that the web UI offers for such jobs.
var description = &jobsv1.KindDescription{
	Kind:    "cluster",
	Title:   "Find groups",
	Summary: "Scatters points, and sorts them into groups by k-means. Watch the centers move.",
	Fields: []*jobsv1.KindField{
		integerField("points", "Points", defaultPoints, minPoints, maxPoints),
		integerField("groups", "Groups", defaultGroups, minGroups, maxGroups),
		{Name: "seed", Label: "Seed", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER, Hint: "Any", Minimum: new(0.0), Maximum: new(float64(maxSeed))},
	},
}

func integerField(name, label string, initial, least, most int) *jobsv1.KindField {
	return &jobsv1.KindField{Name: name, Label: label, Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER,
		DefaultValue: strconv.Itoa(initial), Minimum: new(float64(least)), Maximum: new(float64(most))}
}

func main() {
	headway.Main(headway.WorkerConfig{
		Handlers:     map[string]headway.Handler{"cluster": cluster},
		Descriptions: []*jobsv1.KindDescription{description},
		Concurrency:  4,
	})
}
