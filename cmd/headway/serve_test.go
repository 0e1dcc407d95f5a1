package main

import (
	"errors"
	"strings"
	"testing"

	"headway/cmd/internal/program"
)

func TestServeRefusesSettingsThatItWouldIgnore(t *testing.T) {
	for variable, want := range map[string]bool{
		"HEADWAY_GRPC_TLS_CERT_FILE=/etc/headway/cert.pem": true, "HEADWAY_GRPC_TLS_REQUIRE_CLIENT=true": true,
		"HEADWAY_GRPC_TLS_CA_FILE=": false, "HEADWAY_GRPC_TLS_REQUIRE_CLIENT=false": false, "HEADWAY_TLS_CERT_FILE=/cert.pem": false,
	} {
		err := refuseTLS([]string{"HOME=/", variable})
		var exit *program.ExitError
		name, _, _ := strings.Cut(variable, "=")
		if refused := errors.As(err, &exit) && exit.Code == program.ExitRefused && strings.Contains(err.Error(), name); refused != want || (err != nil) != want {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
