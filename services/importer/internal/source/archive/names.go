package archive

import (
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/encoding/charmap"

	"headway/services/importer/internal/source/zipxml"
)

// isDocument reports whether an archive is the document of a program: a workbook, a text, an e-book, or a program itself.
func isDocument(p *zipxml.Package) bool {
	for _, part := range []string{"[Content_Types].xml", "_rels/.rels", "mimetype", "META-INF/manifest.xml", "META-INF/MANIFEST.MF",
		"Index/Document.iwa", "Index.zip"} {
		if p.Find(part) != nil {
			return true
		}
	}
	return false
}

// isByProgram reports whether a file was added to the archive by a program, not by the user: it is hidden, or has previews or
// attributes of other files.
func isByProgram(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		switch {
		case strings.HasPrefix(element, "."), element == "__MACOSX", strings.HasPrefix(element, "~$"),
			strings.EqualFold(element, "Thumbs.db"), strings.EqualFold(element, "desktop.ini"):
			return true
		}
	}
	return false
}

// isWorkbook reports whether a file has the ending of a workbook.
func isWorkbook(name string) bool {
	switch ending(name) {
	case ".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".xls", ".ods", ".fods", ".numbers":
		return true
	}
	return false
}

// documentEndings are those of files that people add to data: descriptions, pictures, letters, and links.
var documentEndings = map[string]bool{".pdf": true, ".doc": true, ".docx": true, ".odt": true, ".rtf": true, ".md": true, ".htm": true, ".html": true,
	".ppt": true, ".pptx": true, ".odp": true, ".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".svg": true, ".webp": true, ".tif": true, ".tiff": true,
	".eml": true, ".msg": true, ".url": true, ".lnk": true, ".webloc": true}

// isDocumentName reports whether a file can't have a table, by its ending.
func isDocumentName(name string) bool { return documentEndings[ending(name)] }

// isPlainText reports whether a file is probably only a note if it is next to a workbook, by its ending.
func isPlainText(name string) bool { return ending(name) == ".txt" || ending(name) == "" }

func ending(name string) string { return strings.ToLower(path.Ext(name)) }

// textEndings are those of text files with columns.
var textEndings = map[string]bool{".csv": true, ".tsv": true, ".tab": true, ".txt": true, ".psv": true, ".dat": true, ".asc": true, "": true}

func hasTextEnding(name string) bool { return textEndings[ending(name)] }

// readableName returns the path of a part. Programs write names in UTF-8, often without declaring it, or in the code page of the
// first PCs, as the format requires.
func readableName(part *zipxml.Part) string {
	name := part.Name
	if !utf8.ValidString(name) {
		if decoded, err := charmap.CodePage437.NewDecoder().String(name); err == nil {
			name = decoded
		}
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// maxName is the maximum number of characters of a name.
const maxName = 200

// baseName returns the name of a file without its folders.
func baseName(name string) string {
	name = path.Base(name)
	if characters := []rune(name); len(characters) > maxName {
		name = string(characters[:maxName/2]) + "…" + string(characters[len(characters)-maxName/2+1:])
	}
	return name
}

// sheetName returns the name of a file without its ending.
func sheetName(name string) string {
	if sheet := strings.TrimSpace(strings.TrimSuffix(name, path.Ext(name))); sheet != "" {
		return sheet
	}
	return name
}

// fold returns the same text for names that differ only in case.
func fold(name string) string { return cases.Fold().String(name) }
