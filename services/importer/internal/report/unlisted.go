package report

import (
	"maps"
	"slices"

	"headway/services/importer/internal/imports"
)

// unlisted counts the issues that were found and are not stored, by sheet and code.
type unlisted struct {
	sheets []imports.Sheet
	listed map[codeID]uint32
}

type codeID struct {
	sheet    string
	severity imports.Severity
	code     imports.IssueCode
}

// codeCount is the number of issues of a code that are not stored. Code is 0 if the codes were not counted.
type codeCount struct {
	codeID
	found, listed uint32
}

func newUnlisted(sheets []imports.Sheet) unlisted {
	return unlisted{sheets: sheets, listed: map[codeID]uint32{}}
}

// list records an issue that is stored.
func (u *unlisted) list(i *imports.Issue) { u.listed[codeID{i.Sheet, i.Severity, i.Code}]++ }

// errors returns the number of a sheet's errors that are not stored.
func (u *unlisted) errors(sheet *imports.Sheet) uint32 {
	listed := uint32(0)
	for id, n := range u.listed {
		if id.sheet == sheet.Name && id.severity == imports.Error {
			listed += n
		}
	}
	if listed >= sheet.Counts.Issues {
		return 0
	}
	return sheet.Counts.Issues - listed
}

// counts returns the codes with issues that are not stored, after all stored ones were listed.
func (u *unlisted) counts() []codeCount {
	var counts []codeCount
	for i := range u.sheets {
		sheet := &u.sheets[i]
		for _, by := range []struct {
			severity imports.Severity
			found    map[imports.IssueCode]uint32
		}{{imports.Error, sheet.Found.Errors}, {imports.Warning, sheet.Found.Warnings}} {
			for _, code := range slices.Sorted(maps.Keys(by.found)) {
				id := codeID{sheet.Name, by.severity, code}
				if found, listed := by.found[code], u.listed[id]; found > listed {
					counts = append(counts, codeCount{id, found, listed})
				}
			}
		}
	}
	return counts
}
