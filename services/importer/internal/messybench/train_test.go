package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/layout"
)

func TestModelIsLearnedFromExamples(t *testing.T) {
	features := func(sheet string) [][]string {
		rows, err := plainRows(strings.NewReader(sheet))
		if err != nil {
			t.Fatal(err)
		}
		return layout.Describe(rows)
	}
	var examples []example
	for _, sheet := range []string{"A title\nid,n\n1,2\n3,4", "Another title\ncode,x\n5,6\n7,8\n9,1"} {
		e := example{features: features(sheet), classes: []layout.Class{layout.Metadata, layout.HeaderLine}}
		for range e.features[2:] {
			e.classes = append(e.classes, layout.DataLine)
		}
		examples = append(examples, e)
	}
	model := train(examples, 20, rand.New(rand.NewPCG(1, 1)))
	want := []layout.Class{layout.Metadata, layout.HeaderLine, layout.DataLine, layout.DataLine}
	if got := model.Classify(features("A third title\nkey,y\n1,7\n2,8")); !slices.Equal(got, want) {
		t.Errorf("the classes are %v, want %v", got, want)
	}
	var out strings.Builder
	writeWeights(&out, model)
	if !strings.HasPrefix(out.String(), ">0\t") {
		t.Errorf("the weights begin with %.40q", out.String())
	}
}
