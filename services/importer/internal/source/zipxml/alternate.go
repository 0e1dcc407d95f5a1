package zipxml

import (
	"bytes"
	"strings"

	"headway/services/importer/internal/source"
)

// alternative is an open element of alternate content (ECMA-376 Part 3 §7.5 to §7.7): AlternateContent itself, or the choice or
// fallback that is read. The scanner passes over its tags.
type alternative struct {
	open   int // the number of open elements with it
	choice bool
	// chosen reports that one of the alternatives was read, and lost that one with data was not.
	chosen, lost bool
}

// officeNamespaces is how the namespaces of Excel's own extensions begin. Excel reads a choice that needs only those.
const officeNamespaces = "http://schemas.microsoft.com/office/"

// data are the elements without which a workbook has fewer or other values.
var data = map[string]bool{"sheetData": true, "row": true, "c": true, "v": true, "is": true, "t": true, "si": true, "sst": true,
	"sheets": true, "sheet": true, "cellXfs": true, "xf": true, "numFmts": true, "numFmt": true, "mergeCell": true}

// alternate handles the tags of alternate content. It returns false for other tokens, which the caller handles.
func (x *Scanner) alternate(t Token) (handled bool) {
	switch last := len(x.alternatives) - 1; {
	case t == Start && x.Prefix != nil && string(x.Local) == "AlternateContent" && x.isCompatibility():
		x.alternatives = append(x.alternatives, alternative{open: len(x.openAt)})
	case last < 0:
		return false
	case t == Start && !x.alternatives[last].choice && len(x.openAt) == x.alternatives[last].open+1 && x.isCompatibility():
		// Only the first one that applies is read. A fallback always applies.
		of := &x.alternatives[last]
		if !of.chosen && (string(x.Local) == "Fallback" || string(x.Local) == "Choice" && x.understands(x.Attr("Requires"))) {
			of.chosen = true
			x.alternatives = append(x.alternatives, alternative{open: len(x.openAt), choice: true})
			break
		}
		lost, ok := x.skipAlternative()
		of.lost = of.lost || lost
		return ok
	case t == End && len(x.openAt) < x.alternatives[last].open:
		if of := x.alternatives[last]; !of.choice && of.lost && !of.chosen {
			x.fail(source.Damaged, "it has data for other programs, without an alternative for Excel")
		}
		x.alternatives = x.alternatives[:last]
	default:
		return false
	}
	return true
}

// understands reports whether Excel knows the namespaces of all prefixes of a list.
func (x *Scanner) understands(prefixes []byte) bool {
	list := bytes.Fields(prefixes)
	for _, prefix := range list {
		if space, ok := x.Space(prefix); !ok || space == Other || space >= Office {
			return false
		}
	}
	return len(list) > 0
}

// skipAlternative passes over an alternative whose start tag is the current token, and reports whether it has data.
func (x *Scanner) skipAlternative() (lost, ok bool) {
	for depth := len(x.openAt); len(x.openAt) >= depth; {
		t := x.nextTag()
		if t <= EOF {
			return lost, false
		}
		lost = lost || t == Start && x.Namespace == Spreadsheet && data[string(x.Local)]
	}
	return lost, true
}

// isCompatibility reports whether the current tag is one of alternate content.
func (x *Scanner) isCompatibility() bool {
	space, _ := x.Space(x.Prefix)
	return space == Compatibility
}

// spaceOf returns the namespace with an address.
func spaceOf(address string) Namespace {
	if space, known := namespaces[address]; known {
		return space
	}
	if strings.HasPrefix(address, officeNamespaces) {
		return ExcelExtension
	}
	return Other
}
