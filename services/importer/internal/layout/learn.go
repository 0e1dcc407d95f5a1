package layout

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// This file learns the weights that the package embeds. Only the command messybench uses it.

// Example is a sheet whose rows have known classes.
type Example struct {
	Features [][]string
	Classes  []Class
}

// Model classifies the rows of sheets.
type Model struct{ model }

// Classify returns the classes of rows by their features.
func (m *Model) Classify(features [][]string) []Class { return m.classify(features) }

// Learn returns a model that was learned from examples, in so many rounds (structured perceptron, averaged).
func Learn(examples []Example, rounds int, random *rand.Rand) *Model {
	var m, sum model
	m.weights, sum.weights = map[string][Classes]float64{}, map[string][Classes]float64{}
	steps := 1.0
	for range rounds {
		for _, i := range random.Perm(len(examples)) {
			e := examples[i]
			found := m.classify(e.Features)
			if !slices.Equal(found, e.Classes) {
				m.change(e, e.Classes, 1)
				m.change(e, found, -1)
				sum.change(e, e.Classes, steps)
				sum.change(e, found, -steps)
			}
			steps++
		}
	}
	for f, w := range m.weights {
		total := sum.weights[f]
		for c := range w {
			w[c] -= total[c] / steps
		}
		m.weights[f] = w
	}
	for p := range m.next {
		for c := range m.next[p] {
			m.next[p][c] -= sum.next[p][c] / steps
		}
	}
	return &Model{m}
}

// change adds to the weights of the features of an example that has these classes.
func (m *model) change(e Example, classes []Class, by float64) {
	before := Classes
	for i, c := range classes {
		for _, f := range e.Features[i] {
			w := m.weights[f]
			w[c] += by
			m.weights[f] = w
		}
		m.next[before][c] += by
		before = c
	}
}

// Write writes the weights in the form that the package embeds.
func (m *Model) Write(out io.Writer) {
	line := func(name string, w [Classes]float64) {
		for _, v := range w {
			name += fmt.Sprintf("\t%.2f", v)
		}
		fmt.Fprintln(out, name)
	}
	for p, w := range m.next {
		line(fmt.Sprintf(">%d", p), w)
	}
	for _, f := range slices.Sorted(maps.Keys(m.weights)) {
		w := m.weights[f]
		if slices.ContainsFunc(w[:], func(v float64) bool { return math.Abs(v) >= 0.3 }) {
			line(f, w)
		}
	}
}
