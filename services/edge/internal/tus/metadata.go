package tus

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/edge/internal/upload"
)

// ignoredMetadata are the keys that clients of tus add by themselves.
var ignoredMetadata = map[string]bool{"filetype": true, "type": true, "name": true, "relativePath": true}

// optionsFromMetadata reads Upload-Metadata: pairs of a key and a value in base64, separated by commas.
func optionsFromMetadata(header string) (*importsv1.UploadOptions, error) {
	options := &importsv1.UploadOptions{}
	if strings.TrimSpace(header) == "" {
		return options, nil
	}
	seen, given := make(map[string]bool), upload.Given{}
	for pair := range strings.SplitSeq(header, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if seen[key] {
			return nil, upload.ErrForm(fmt.Sprintf("Upload-Metadata has %q twice.", key))
		}
		seen[key] = true
		if ignoredMetadata[key] {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !utf8.Valid(value) {
			return nil, upload.ErrForm(fmt.Sprintf("Upload-Metadata: the value of %q is not UTF-8 text in base64.", key))
		}
		if err := upload.SetOption(options, given, key, string(value)); err != nil {
			return nil, err
		}
	}
	return options, nil
}
