package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// plainRows reads RFC 4180 with commas. A row's number is that of its record.
func plainRows(in io.Reader) ([]source.Row, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	var rows []source.Row
	general := &source.NumberFormat{Code: "General"}
	for number := 1; ; number++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := source.Row{Number: number}
		for i, text := range record {
			if strings.TrimSpace(text) != "" {
				row.Cells = append(row.Cells, source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(text), Format: general})
			}
		}
		if len(row.Cells) > 0 {
			rows = append(rows, row)
		}
	}
}

var classNames = [...]string{"metadata", "header", "group", "data", "derived", "notes"}

const epochs = 12

// learnWeights learns from the annotated sheets, and writes the weights to stdout. It writes the scores of five parts, each
// with the weights of the other four, to stderr.
func learnWeights(dir string) error {
	sheets, err := readAnnotated(filepath.Join(dir, "header_lines"))
	if err != nil {
		return err
	}
	examples := make([]example, len(sheets))
	for i, a := range sheets {
		e := example{features: layout.Describe(a.rows)}
		for _, record := range a.record {
			class := slices.Index(classNames[:], a.Lines[record])
			e.classes = append(e.classes, layout.Class(max(class, 0)))
		}
		examples[i] = e
	}
	const parts = 5
	header, extent := 0, 0
	for part := range parts {
		var others []example
		for i, e := range examples {
			if i%parts != part {
				others = append(others, e)
			}
		}
		m := train(others, epochs, rand.New(rand.NewPCG(1, uint64(part))))
		for i := part; i < len(examples); i += parts {
			h, e := right(sheets[i].rows, examples[i].classes, m.Classify(examples[i].features))
			header += h
			extent += e
		}
	}
	fmt.Fprintf(os.Stderr, "cross-validated: header %.3f, extent %.3f of %d\n", float64(header)/float64(len(sheets)), float64(extent)/float64(len(sheets)), len(sheets))
	out := bufio.NewWriter(os.Stdout)
	writeWeights(out, train(examples, epochs, rand.New(rand.NewPCG(1, parts))))
	return out.Flush()
}

// right reports whether the header and the extent of a table are right, as numbers.
func right(rows []source.Row, truth, found []layout.Class) (header, extent int) {
	want, got := layout.TableOf(rows, truth), layout.TableOf(rows, found)
	if slices.Equal(want.Header, got.Header) {
		header = 1
		if want.First == got.First && want.Last == got.Last {
			extent = 1
		}
	}
	return header, extent
}
