package intake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// describeText adds the formats of text files to an import, with notices for the user.
func describeText(ctx context.Context, book source.Workbook, im *imports.Import) (err error) {
	if im.Texts, err = source.TextFormatsOf(ctx, book); err != nil {
		return err
	}
	var described []string
	if format, ok := source.TextFormatOf(book); ok {
		im.Text = &format
		described = append(described, "The file was read as text in "+describe(format))
	}
	for _, name := range slices.Sorted(maps.Keys(im.Texts)) {
		described = append(described, "“"+name+"” was read as text in "+describe(im.Texts[name]))
	}
	if len(described) > 0 {
		im.Notices = append(im.Notices, imports.Notice{Reason: imports.TextFormatRecognized, Message: fmt.Sprintf(
			"%s. If this is wrong, set the encoding and the delimiter in the upload.", source.Clip([]byte(strings.Join(described, ". ")), maxDescribed))})
	}
	im.Notices = append(im.Notices, ignoredFiles(source.IgnoredFiles(book))...)
	return nil
}

// maxDescribed is the maximum number of characters of a list of files.
const maxDescribed = 1000

// describe returns the format of a text file for a message.
func describe(f source.TextFormat) string {
	between := "one value per line"
	switch name := map[string]string{",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks", ":": "colons"}[f.Delimiter]; {
	case f.Delimiter == "none":
	case name != "":
		between = name + " between the values"
	default:
		between = fmt.Sprintf("%q between the values", f.Delimiter)
	}
	return f.Encoding + ", with " + between
}
