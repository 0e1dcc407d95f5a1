package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"headway/services/importer/internal/layout"
)

// example is a sheet with the features and the class of each row.
type example struct {
	features [][]string
	classes  []layout.Class
}

// train learns a model from examples, in a number of rounds (averaged structured perceptron).
func train(examples []example, rounds int, random *rand.Rand) *layout.Model {
	m, sum := layout.Model{Weights: map[string][layout.Classes]float64{}}, layout.Model{Weights: map[string][layout.Classes]float64{}}
	steps := 1.0
	for range rounds {
		for _, i := range random.Perm(len(examples)) {
			e := examples[i]
			found := m.Classify(e.features)
			if !slices.Equal(found, e.classes) {
				adjust(&m, e, e.classes, 1)
				adjust(&m, e, found, -1)
				adjust(&sum, e, e.classes, steps)
				adjust(&sum, e, found, -steps)
			}
			steps++
		}
	}
	for f, w := range m.Weights {
		total := sum.Weights[f]
		for c := range w {
			w[c] -= total[c] / steps
		}
		m.Weights[f] = w
	}
	for p := range m.Next {
		for c := range m.Next[p] {
			m.Next[p][c] -= sum.Next[p][c] / steps
		}
	}
	return &m
}

// adjust adds a number to the weights that give an example these classes.
func adjust(m *layout.Model, e example, classes []layout.Class, by float64) {
	before := layout.Classes
	for i, c := range classes {
		for _, f := range e.features[i] {
			w := m.Weights[f]
			w[c] += by
			m.Weights[f] = w
		}
		m.Next[before][c] += by
		before = c
	}
}

// writeWeights writes a model in the form that the package layout embeds. It leaves out features with small weights.
func writeWeights(out io.Writer, m *layout.Model) {
	line := func(name string, w [layout.Classes]float64) {
		for _, v := range w {
			name += fmt.Sprintf("\t%.2f", v)
		}
		fmt.Fprintln(out, name)
	}
	for p, w := range m.Next {
		line(fmt.Sprintf(">%d", p), w)
	}
	for _, f := range slices.Sorted(maps.Keys(m.Weights)) {
		w := m.Weights[f]
		if slices.ContainsFunc(w[:], func(v float64) bool { return math.Abs(v) >= 0.3 }) {
			line(f, w)
		}
	}
}
