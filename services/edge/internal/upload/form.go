package upload

import (
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
)

// form is a form with a file. fixed means that its other fields are not options.
type form struct {
	parts *multipart.Reader
	fixed bool
}

// receiveForm reads a form. Its file is the first part with a file name, whatever its field is called, or the part named
// file. The file is forwarded as it arrives.
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
			sent := proto.CloneOf(options)
			return u.send(ctx, call, options, part, func() error { return f.afterFile(sent, fields) })
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
	return SetOption(options, name, string(value))
}

// afterFile reads the rest of a form. The importer already has the options, so a field can only repeat them.
func (f form) afterFile(sent *importsv1.UploadOptions, fields int) error {
	for ; ; fields++ {
		part, err := f.parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errRead(err)
		case isFile(part):
			return ErrForm("The form has more than one file. Upload one workbook at a time.")
		}
		options := proto.CloneOf(sent)
		if err := f.readField(part, options, fields); err != nil {
			return err
		}
		if !proto.Equal(options, sent) {
			return ErrForm(fmt.Sprintf("The field %q comes after the file. Put all fields before the file, or in the query.", part.FormName()))
		}
	}
}
