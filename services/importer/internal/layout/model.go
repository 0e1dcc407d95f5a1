package layout

import (
	_ "embed"
	"strconv"
	"strings"
)

// Model classifies the rows of sheets. The command messybench learns it from annotated sheets.
type Model struct {
	// Weights has a weight of each feature for each class.
	Weights map[string][Classes]float64
	// Next has the weights of pairs of classes in consecutive rows. Its last row is for the first row of a sheet.
	Next [Classes + 1][Classes]float64
}

//go:embed weights.tsv
var weights string

var learned = parse(weights)

// parse reads a line for each feature, with a weight for each class. The features ">0" to ">6" are the pairs.
func parse(text string) *Model {
	m := &Model{Weights: map[string][Classes]float64{}}
	for line := range strings.Lines(text) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != int(Classes)+1 {
			continue
		}
		var w [Classes]float64
		for i := range w {
			w[i], _ = strconv.ParseFloat(parts[i+1], 64)
		}
		if pair, ok := strings.CutPrefix(parts[0], ">"); ok {
			if i, err := strconv.Atoi(pair); err == nil && i < len(m.Next) {
				m.Next[i] = w
				continue
			}
		}
		m.Weights[parts[0]] = w
	}
	return m
}

// Classify returns the most likely sequence of classes for rows with these features (Viterbi).
func (m *Model) Classify(features [][]string) []Class {
	if len(features) == 0 {
		return nil
	}
	from := make([][Classes]Class, len(features))
	var score [Classes]float64
	for i, list := range features {
		var local [Classes]float64
		for _, f := range list {
			if w, ok := m.Weights[f]; ok {
				for c := range local {
					local[c] += w[c]
				}
			}
		}
		before := score
		for c := range Classes {
			if i == 0 {
				score[c] = local[c] + m.Next[Classes][c]
				continue
			}
			best := Class(0)
			for p := range Classes {
				if before[p]+m.Next[p][c] > before[best]+m.Next[best][c] {
					best = p
				}
			}
			from[i][c] = best
			score[c] = before[best] + m.Next[best][c] + local[c]
		}
	}
	last := Class(0)
	for c := range Classes {
		if score[c] > score[last] {
			last = c
		}
	}
	classes := make([]Class, len(features))
	for i := len(features) - 1; i >= 0; i-- {
		classes[i] = last
		last = from[i][last]
	}
	return classes
}
