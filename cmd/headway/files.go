package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	importsv1 "headway/gen/go/headway/imports/v1"
)

// textFlags are how text files are read.
type textFlags struct {
	Delimiter string   `help:"Character between the cells of a text file: comma, semicolon, tab, pipe, or any other. By default, it is detected from the file." placeholder:"CHARACTER"`
	Encoding  string   `help:"Encoding of a text file, such as UTF-8 or windows-1252. By default, it is detected from the file." placeholder:"NAME"`
	Quote     string   `help:"Quotation mark of a text file, or none. By default, it is detected from the file." placeholder:"CHARACTER"`
	Escape    string   `help:"Character before a quotation mark inside a cell of a text file: a backslash, or the quotation mark. By default, it is detected from the file." placeholder:"CHARACTER"`
	Format    []string `help:"Format of one of several text files, such as staff.csv:delimiter=semicolon,encoding=windows-1252. Can be repeated." placeholder:"NAME:KEY=VALUE,…" sep:"none"`
}

// set sets the formats in the options of an upload.
func (f *textFlags) set(options *importsv1.UploadOptions) error {
	if f.Delimiter+f.Encoding+f.Quote+f.Escape != "" {
		options.TextFormat = &importsv1.TextFormat{Delimiter: f.Delimiter, Encoding: f.Encoding, Quote: f.Quote, Escape: f.Escape}
	}
	for _, format := range f.Format {
		at := strings.LastIndex(format, ":")
		if equals := strings.Index(format, "="); equals >= 0 && at > equals { // the value is a colon
			at = strings.LastIndex(format[:equals], ":")
		}
		if at <= 0 {
			return fmt.Errorf("--format is %q. It must have the form staff.csv:delimiter=semicolon,encoding=windows-1252", format)
		}
		parsed, err := parseFormat(format[at+1:])
		if err != nil {
			return err
		}
		if options.TextFormats == nil {
			options.TextFormats = map[string]*importsv1.TextFormat{}
		}
		options.TextFormats[format[:at]] = parsed
	}
	return nil
}

func parseFormat(text string) (*importsv1.TextFormat, error) {
	format := &importsv1.TextFormat{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "delimiter":
			format.Delimiter = value
		case "encoding":
			format.Encoding = value
		case "quote":
			format.Quote = value
		case "escape":
			format.Escape = value
		default:
			return nil, fmt.Errorf("--format has the key %q. The keys are delimiter, encoding, quote, and escape. A comma is delimiter=comma", key)
		}
	}
	return format, nil
}

// inputFiles are the files of one import: a workbook, or text files.
type inputFiles []string

// standardInput is the path of standard input.
const standardInput = "-"

// fileName returns the name under which a file is uploaded.
func fileName(path string) string {
	if path == standardInput {
		return "stdin"
	}
	return filepath.Base(path)
}

// describe sets the name and the size in the options of an upload.
func (f inputFiles) describe(options *importsv1.UploadOptions) error {
	options.FileName = fileName(f[0])
	for _, path := range f {
		if path == standardInput {
			options.SizeBytes = 0 // unknown
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		options.SizeBytes += info.Size()
	}
	return nil
}

// send sends the bytes of the files. It returns early if the service has already responded.
func (f inputFiles) send(data func([]byte) error, next func(*importsv1.NextFile) error) error {
	chunk := make([]byte, chunkBytes)
	for _, path := range f {
		if len(f) > 1 {
			if err := next(&importsv1.NextFile{FileName: fileName(path)}); err != nil {
				return ignoreResponse(err)
			}
		}
		if err := sendFile(path, chunk, data); err != nil {
			return ignoreResponse(err)
		}
	}
	return nil
}

// ignoreResponse returns nil for the error of a service that has already responded.
func ignoreResponse(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func sendFile(path string, chunk []byte, data func([]byte) error) error {
	file := os.Stdin
	if path != standardInput {
		var err error
		if file, err = os.Open(path); err != nil {
			return err
		}
		defer file.Close()
	}
	for {
		n, err := io.ReadFull(file, chunk)
		if n > 0 {
			if err := data(chunk[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
