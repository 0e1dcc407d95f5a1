package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	importsv1 "headway/gen/go/headway/imports/v1"
)

// printChanges prints how many cells were changed before they were imported, by column and rule.
func printChanges(w io.Writer, im *importsv1.Import) {
	cells, columns := uint32(0), 0
	for _, sheet := range im.GetSheets() {
		for _, c := range sheet.GetChanges() {
			cells += c.GetCells()
			columns++
		}
	}
	if columns == 0 {
		return
	}
	fmt.Fprintf(w, "  Normalized %s in %s:\n", counted(cells, "cell"), counted(uint32(columns), "column"))
	for _, sheet := range im.GetSheets() {
		for _, c := range sheet.GetChanges() {
			rules := make([]string, len(c.GetRules()))
			for i, r := range c.GetRules() {
				rules[i] = fmt.Sprintf("%s %d", r.GetRule(), r.GetCells())
				if samples := r.GetSamples(); len(samples) > 0 {
					rules[i] += fmt.Sprintf(" (“%s” → “%s”)", samples[0].GetBefore(), samples[0].GetAfter())
				}
			}
			fmt.Fprintf(w, "    %s, %s: %s\n", sheet.GetTitle(), c.GetTitle(), strings.Join(rules, ", "))
		}
	}
}

// rulesText returns rules as they are in a mapping.
func rulesText(r *importsv1.ValueRules) string {
	var compact bytes.Buffer
	data, err := protojson.Marshal(r)
	if err == nil {
		err = json.Compact(&compact, data)
	}
	if err != nil {
		return err.Error() // can't happen: rules have only texts and numbers
	}
	return compact.String()
}

func counted(n uint32, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}
