package upload

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/webjson"
)

const (
	// maxFields and maxFieldBytes bound what a form holds beside the file.
	maxFields     = 16
	maxFieldBytes = 256 << 10
)

// optionsFromQuery reads the options in the query.
func optionsFromQuery(query url.Values) (*importsv1.UploadOptions, error) {
	options := &importsv1.UploadOptions{}
	for name, values := range query {
		if len(values) > 1 {
			return nil, ErrForm(fmt.Sprintf("%q is given twice.", name))
		}
		if err := SetOption(options, name, values[0]); err != nil {
			return nil, err
		}
	}
	return options, nil
}

// SetOption sets the option that a form's field or the query names.
func SetOption(o *importsv1.UploadOptions, name, value string) error {
	switch name {
	case "schema":
		o.Schema = value
	case "file_name", "filename":
		o.FileName = value
	case "request_id":
		o.RequestId = value
	case "on_issues":
		n, err := enumNumber(name, value, o.GetOnIssues().Descriptor())
		o.OnIssues = importsv1.OnIssues(n)
		return err
	case "mode":
		n, err := enumNumber(name, value, o.GetMode().Descriptor())
		o.Mode = importsv1.ImportMode(n)
		return err
	case "dry_run":
		dry, err := strconv.ParseBool(value)
		if err != nil {
			return ErrForm(fmt.Sprintf("dry_run is %q; it must be true or false.", value))
		}
		o.DryRun = dry
	case "mapping":
		return setMapping(o, value)
	default:
		return ErrForm(fmt.Sprintf("There is no field %q; known are schema, on_issues, mode, dry_run, request_id, file_name and mapping, all before the file.", name))
	}
	return nil
}

func enumNumber(name, value string, e protoreflect.EnumDescriptor) (protoreflect.EnumNumber, error) {
	if found := e.Values().ByName(protoreflect.Name(webjson.EnumName(e, value))); found != nil && found.Number() != 0 {
		return found.Number(), nil
	}
	var known []string
	for i := 1; i < e.Values().Len(); i++ {
		known = append(known, webjson.Word(e.Values().Get(i)))
	}
	return 0, ErrForm(fmt.Sprintf("%s is %q; it must be one of %s.", name, value, strings.Join(known, ", ")))
}

func setMapping(o *importsv1.UploadOptions, value string) error {
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(value), &entries); err != nil {
		return ErrForm("mapping must be a JSON array of objects like {\"sheet\":\"employees\",\"workbookSheet\":\"Staff\",\"columns\":{\"code\":\"No.\"}}.")
	}
	o.Mapping = nil
	for i, entry := range entries {
		m := &importsv1.SheetMapping{}
		if err := webjson.Unmarshal(entry, m); err != nil {
			return ErrForm(fmt.Sprintf("mapping[%d]: %v", i, err))
		}
		o.Mapping = append(o.Mapping, m)
	}
	return nil
}

// ErrForm is the error for a form, query or metadata that is not as it has to be.
func ErrForm(message string) error {
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FORM_INVALID, message)
}
