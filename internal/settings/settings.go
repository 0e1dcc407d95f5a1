// Package settings fills and checks the settings of a service. They are one struct, whose tags also define the
// service's flags (kong), so that each default, unit, and limit is written once.
package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/alecthomas/kong"
)

// Complete sets each zero field of the struct that s points to to the default of its tag, and checks the others.
//
// Numbers and durations must not be negative, unless the tag has `negative:"…"`, which describes a negative value.
// `min:"2"` and `max:"100"` bound a number, `min:"2s"` a duration, `min:"2MiB"` a size. An error names the flag.
func Complete(s any) error {
	if err := kong.ApplyDefaults(s); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if err := check(v.Type().Field(i), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func check(field reflect.StructField, v reflect.Value) error {
	if v.Kind() != reflect.Int && v.Kind() != reflect.Int64 {
		return nil
	}
	_, unlimited := field.Tag.Lookup("negative")
	if v.Int() < 0 && unlimited {
		return nil
	}
	low, err := bound(field, v, "min", 0)
	if err != nil {
		return err
	}
	high, err := bound(field, v, "max", 1<<63-1)
	if err != nil {
		return err
	}
	switch {
	case v.Int() < low:
		return fmt.Errorf("%s is %s. The minimum is %s", Flag(field), text(v, v.Int()), text(v, low))
	case v.Int() > high:
		return fmt.Errorf("%s is %s. The maximum is %s", Flag(field), text(v, v.Int()), text(v, high))
	}
	return nil
}

// bound returns the limit that a tag names, or otherwise the given one.
func bound(field reflect.StructField, v reflect.Value, tag string, otherwise int64) (int64, error) {
	limit, ok := field.Tag.Lookup(tag)
	if !ok {
		return otherwise, nil
	}
	var (
		n   int64
		err error
	)
	switch v.Type() {
	case reflect.TypeFor[time.Duration]():
		var d time.Duration
		d, err = time.ParseDuration(limit)
		n = int64(d)
	case reflect.TypeFor[Bytes]():
		n, err = parseBytes(limit)
	default:
		n, err = strconv.ParseInt(limit, 10, 64)
	}
	if err != nil {
		return 0, fmt.Errorf("settings: tag %s of %s: %w", tag, field.Name, err)
	}
	return n, nil
}

func text(v reflect.Value, n int64) string {
	switch v.Type() {
	case reflect.TypeFor[time.Duration]():
		return time.Duration(n).String()
	case reflect.TypeFor[Bytes]():
		return Bytes(n).String()
	}
	return strconv.FormatInt(n, 10)
}

// Flag returns the flag of a field, such as --lease-duration.
func Flag(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return "--" + name
	}
	var b strings.Builder
	for i, r := range field.Name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return "--" + b.String()
}
