package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/webjson"
)

// Options returns the options in a form, a query, or the metadata of a resumable upload. They are the fields of UploadOptions,
// and those of its text format that an upload can set, but not the size, which HTTP has in a header.
func Options() []protoreflect.FieldDescriptor {
	var options []protoreflect.FieldDescriptor
	fields := (&importsv1.UploadOptions{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		switch option := fields.Get(i); option.Name() {
		case "size_bytes":
		case "text_format":
			for _, name := range []protoreflect.Name{"delimiter", "encoding", "quote", "escape"} {
				options = append(options, option.Message().Fields().ByName(name))
			}
		default:
			options = append(options, option)
		}
	}
	return options
}

// optionNames are the names of the options.
var optionNames = func() (names []string) {
	for _, option := range Options() {
		names = append(names, string(option.Name()))
	}
	return names
}()

// Given are the values of the options that are set, by their names. With a second value, the order of the fields, or chance, would
// decide, for example, whether anything is saved.
type Given map[string]string

func (g Given) add(name, value string) error {
	if first, twice := g[name]; twice && first != value {
		return ErrForm(fmt.Sprintf("%s has two values. Set it once, in the form or in the query.", name))
	}
	g[name] = value
	return nil
}

// optionsFromQuery reads the options in a query, which has no other parameters.
func optionsFromQuery(query url.Values) (*importsv1.UploadOptions, Given, error) {
	options, given := &importsv1.UploadOptions{}, Given{}
	for name, values := range query {
		if len(values) > 1 {
			return nil, nil, ErrForm(fmt.Sprintf("The parameter %q is set twice.", name))
		}
		known, err := setOption(options, given, name, values[0])
		if err != nil {
			return nil, nil, err
		}
		if !known {
			return nil, nil, ErrForm(fmt.Sprintf("There is no parameter %q. The parameters are %s.", name, strings.Join(optionNames, ", ")))
		}
	}
	return options, given, nil
}

// SetOption sets the option that a field of a form, or a key of tus metadata, names. Clients add other fields, which are
// ignored unless they look like a misspelled option.
func SetOption(o *importsv1.UploadOptions, given Given, name, value string) error {
	known, err := setOption(o, given, name, value)
	if err != nil || known {
		return err
	}
	if meant := misspelled(name); meant != "" {
		return ErrForm(fmt.Sprintf("There is no field %q. Did you mean %s?", name, meant))
	}
	return nil
}

// setOption reports whether there is an option with this name, and sets it.
func setOption(o *importsv1.UploadOptions, given Given, name, value string) (known bool, err error) {
	name = snakeCase(name)
	if name == "filename" {
		name = "file_name" // the name that tus clients use
	}
	if !slices.Contains(optionNames, name) {
		return false, nil
	}
	if !utf8.ValidString(value) {
		return true, ErrForm(fmt.Sprintf("The value of %s is not UTF-8 text.", name))
	}
	if err := given.add(name, value); err != nil {
		return true, err
	}
	switch name {
	case "schema":
		o.Schema = value
	case "file_name":
		o.FileName = value
	case "request_id":
		o.RequestId = value
	case "on_issues":
		n, err := enumNumber(name, value, o.GetOnIssues().Descriptor())
		o.OnIssues = importsv1.OnIssues(n)
		return true, err
	case "mode":
		n, err := enumNumber(name, value, o.GetMode().Descriptor())
		o.Mode = importsv1.ImportMode(n)
		return true, err
	case "dry_run", "confirm_mapping":
		if value != "true" && value != "false" {
			return true, ErrForm(fmt.Sprintf("%s is %q. It must be true or false.", name, value))
		}
		if name == "dry_run" {
			o.DryRun = value == "true"
		} else {
			o.ConfirmMapping = value == "true"
		}
	case "mapping":
		return true, setMapping(o, value)
	case "text_formats":
		return true, setTextFormats(o, value)
	default:
		setTextFormat(o, name, value)
	}
	return true, nil
}

func setTextFormats(o *importsv1.UploadOptions, value string) error {
	formats := &importsv1.UploadOptions{}
	var entries map[string]json.RawMessage
	err := json.Unmarshal([]byte(value), &entries)
	if err == nil && entries == nil {
		err = errors.New("null is not an object")
	}
	if err == nil {
		err = webjson.Unmarshal([]byte(`{"textFormats":`+value+`}`), formats)
	}
	if err != nil {
		return ErrForm("text_formats must be a JSON object with the formats of files by their names, for example {\"staff.csv\":{\"delimiter\":\"semicolon\"}}.")
	}
	o.TextFormats = formats.GetTextFormats()
	return nil
}

// setTextFormat sets the field of the text format that has the name of an option.
func setTextFormat(o *importsv1.UploadOptions, name, value string) {
	if o.TextFormat == nil {
		o.TextFormat = &importsv1.TextFormat{}
	}
	switch name {
	case "delimiter":
		o.TextFormat.Delimiter = value
	case "encoding":
		o.TextFormat.Encoding = value
	case "quote":
		o.TextFormat.Quote = value
	case "escape":
		o.TextFormat.Escape = value
	}
}

// snakeCase returns onIssues as on_issues: REST has both forms of each name.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func enumNumber(name, value string, e protoreflect.EnumDescriptor) (protoreflect.EnumNumber, error) {
	if found := e.Values().ByName(protoreflect.Name(webjson.EnumName(e, value))); found != nil && found.Number() != 0 {
		return found.Number(), nil
	}
	return 0, ErrForm(fmt.Sprintf("%s is %q. It must be one of %s.", name, value, strings.Join(webjson.Words(e), ", ")))
}

func setMapping(o *importsv1.UploadOptions, value string) error {
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(value), &entries); err != nil || entries == nil { // nil for null
		return ErrForm("mapping must be a JSON array of objects, for example {\"sheet\":\"employees\",\"workbookSheet\":\"Staff\",\"columns\":{\"code\":\"No.\"}}.")
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

// ErrForm returns the error for an invalid form, query, or metadata.
func ErrForm(message string) error {
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FORM_INVALID, message)
}
