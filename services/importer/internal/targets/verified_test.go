package targets

import "testing"

func TestOtherMachinesNeedVerifiedTLS(t *testing.T) {
	for from, want := range map[string]string{
		"postgres://u@db.example.com/shop":                 "postgres://u@db.example.com/shop?sslmode=verify-full",
		"postgres://u@db.example.com/shop?sslmode=require": "postgres://u@db.example.com/shop?sslmode=require",
		"postgres://u@127.0.0.1:5432/shop":                 "postgres://u@127.0.0.1:5432/shop",
		"postgres://u@localhost/shop":                      "postgres://u@localhost/shop",
		"postgres:///shop?host=/run/postgresql":            "postgres:///shop?host=/run/postgresql",
		"postgres:///shop?host=db.example.com":             "postgres:///shop?host=db.example.com&sslmode=verify-full",
	} {
		if got, err := verified(from); err != nil || got != want {
			t.Errorf("%s became %s (%v), want %s", from, got, err, want)
		}
	}
}
