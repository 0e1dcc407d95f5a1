package intake

import (
	"context"
	"maps"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// describeText adds the formats of text files to an import, with notices for the user.
func describeText(ctx context.Context, book source.Workbook, im *imports.Import) (err error) {
	if im.Texts, err = source.TextFormatsOf(ctx, book); err != nil {
		return err
	}
	var described []messages.Value
	if format, ok := source.TextFormatOf(book); ok {
		im.Text = &format
		described = append(described, messages.Of(messages.New("format.file", messages.Text("encoding", format.Encoding), delimiter(format))))
		described = append(described, example(im.FileName, format)...)
	}
	names := slices.Sorted(maps.Keys(im.Texts))
	for _, name := range names[:min(len(names), maxDescribed)] {
		format := im.Texts[name]
		described = append(described, messages.Of(messages.New("format.named", messages.Text("file", name), messages.Text("encoding", format.Encoding), delimiter(format))))
		described = append(described, example(name, format)...)
	}
	if more := len(names) - maxDescribed; more > 0 {
		described = append(described, messages.Of(messages.New("format.more", messages.Count("n", more))))
	}
	if len(described) > 0 {
		im.Notices = append(im.Notices, imports.NewNotice(imports.TextFormatRecognized,
			messages.New("notice.text_format", messages.List("formats", messages.Spaced, described...))))
	}
	im.Notices = append(im.Notices, ignoredFiles(source.IgnoredFiles(book))...)
	return nil
}

// maxDescribed is the maximum number of files that a notice names.
const maxDescribed = 10

// example shows how a file was read whose encoding was chosen by its letters.
func example(file string, f source.TextFormat) []messages.Value {
	if f.Example == "" {
		return nil
	}
	return []messages.Value{messages.Of(messages.New("format.example", messages.Text("file", file), messages.Text("words", f.Example)))}
}

// delimiter is the parameter with what is between the values of a text file.
func delimiter(f source.TextFormat) messages.Parameter {
	name, known := map[string]string{",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space", ":": "colon"}[f.Delimiter]
	if !known {
		name = f.Delimiter
	}
	return messages.Part("delimiter", messages.New("format.delimiter", messages.Text("name", name)))
}
