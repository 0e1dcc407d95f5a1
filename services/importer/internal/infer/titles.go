package infer

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"headway/services/importer/internal/schema"
)

// sheetTitles returns titles that the sheets of one workbook can have. Names of tables and files can be longer.
func (g *Guess) sheetTitles() map[*Sheet]string {
	titles, taken := map[*Sheet]string{}, map[string]bool{}
	for _, s := range g.Sheets {
		title := s.Title
		if schema.MatchName(title) == "" || schema.SheetTitleProblem(title) != "" {
			title = defaultTitle(s.Name)
		}
		title = cutTitle(title, "")
		if schema.SheetTitleProblem(title) != "" {
			title += " table" // Excel reserves a name
		}
		whole := title
		for n := 2; taken[schema.MatchName(title)]; n++ {
			title = cutTitle(whole, fmt.Sprintf(" %d", n))
		}
		taken[schema.MatchName(title)] = true
		titles[s] = title
	}
	return titles
}

// cutTitle returns as much of a title as there is room for, with an end.
func cutTitle(title, end string) string {
	letters := []rune(title)
	for len(utf16.Encode(letters))+len(end) > schema.MaxSheetTitle {
		letters = letters[:len(letters)-1]
	}
	return strings.TrimSpace(string(letters)) + end
}
