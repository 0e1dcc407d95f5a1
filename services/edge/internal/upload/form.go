package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
)

const (
	// maxFields and maxFieldBytes limit the fields of a form.
	maxFields     = 64
	maxFieldBytes = 256 << 10
	// maxFiles is the maximum number of text files of one import.
	maxFiles = 256
)

// form is a form with a file. given are the options of the query and of the form so far. fixed means that the fields are not options.
type form struct {
	parts *multipart.Reader
	given Given
	fixed bool
}

// receiveForm reads a form. Its file is the first part with a file name, whatever its field is called, or the part named
// file. Other such parts are further text files of the same import. The files are forwarded as they arrive.
func (u *Handler) receiveForm(ctx context.Context, call fileCall, options *importsv1.UploadOptions, f form) error {
	for fields := 0; ; fields++ {
		part, err := f.parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_MISSING,
				"The form has no file. Add the workbook as a part with a file name.")
		case err != nil:
			return errRead(err)
		case isFile(part):
			if options.GetFileName() == "" {
				options.FileName = fileName(part.FileName())
			}
			sent, first := proto.CloneOf(options), cmp.Or(fileName(part.FileName()), options.GetFileName())
			files := 1
			return u.send(ctx, call, options, part, func() (io.Reader, string, error) {
				next, err := f.nextFile(sent, &fields)
				if err != nil {
					return nil, "", err
				}
				if files++; files > maxFiles {
					return nil, "", ErrForm(fmt.Sprintf("The form has more than %d files. Upload a zip archive, or several imports.", maxFiles))
				}
				name := fileName(next.FileName())
				if first == "" || name == "" {
					return nil, "", ErrForm("The form has several files, and one of them has no name. Each file needs its own name.")
				}
				return next, name, nil
			})
		}
		if err := f.readField(part, options, fields); err != nil {
			return err
		}
	}
}

func isFile(part *multipart.Part) bool { return part.FileName() != "" || part.FormName() == "file" }

// readField sets the option in a part of a form, unless the options are fixed.
func (f form) readField(part *multipart.Part, options *importsv1.UploadOptions, fields int) error {
	name := readableName(part.FormName())
	if fields >= maxFields {
		return ErrForm(fmt.Sprintf("The form has more than %d fields.", maxFields))
	}
	value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
	if err != nil {
		return errRead(err)
	}
	if len(value) > maxFieldBytes {
		return ErrForm(fmt.Sprintf("The field %q is longer than %d bytes.", name, maxFieldBytes))
	}
	if f.fixed {
		return nil
	}
	return SetOption(options, f.given, name, string(value))
}

// nextFile reads the fields after a file, and returns the next file, or io.EOF. The importer already has the options, so a field
// can only repeat them.
func (f form) nextFile(sent *importsv1.UploadOptions, fields *int) (*multipart.Part, error) {
	for ; ; *fields++ {
		part, err := f.parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, errRead(err)
		case isFile(part):
			return part, nil
		}
		options := proto.CloneOf(sent)
		if err := f.readField(part, options, *fields); err != nil {
			return nil, err
		}
		if !proto.Equal(options, sent) {
			return nil, ErrForm(fmt.Sprintf("The field %q comes after the file. Put all fields before the file, or in the query.", part.FormName()))
		}
	}
}
