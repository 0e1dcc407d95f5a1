package auth

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
)

// identityOf returns the identity in verified claims.
func identityOf(claims jwt.MapClaims, scopes []string) (Identity, error) {
	subject, err := subjectOf(claims["sub"])
	if err != nil {
		return Identity{}, err
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil { // the parser checked it
		return Identity{}, invalid(err, "Its exp must be a number of seconds")
	}
	for _, name := range []string{"nbf", "iat"} {
		// To the parser, a number that no int64 can hold is in the past.
		number, _ := claims[name].(json.Number)
		if seconds, _ := number.Float64(); math.Abs(seconds) > float64(latest.Unix()) { // infinite if it is too large for a float64
			return Identity{}, invalid(nil, "Its %s is not a time: %g seconds", name, seconds)
		}
	}
	return Identity{
		Subject: subject, Scopes: scopes, Kinds: texts(claims, "headway_kinds"), Schemas: texts(claims, "headway_schemas"),
		ExpiresAt: within(expires.Time),
	}, nil
}

// StatedExpiry returns when a token says that it expires, without a check of the token. It returns the zero time if it says nothing.
func StatedExpiry(token string) time.Time {
	claims := jwt.MapClaims{}
	_, _, _ = jwt.NewParser().ParseUnverified(token, claims) // claims that can't be read state nothing
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return time.Time{}
	}
	return within(expires.Time)
}

// latest is the last time that JSON and HTTP can write.
var latest = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// within returns the time, or the latest one that can be written.
func within(t time.Time) time.Time {
	if t.After(latest) {
		return latest
	}
	return t
}

// maxSubject is the maximum length of a subject in bytes (OpenID Connect Core §2).
const maxSubject = 255

// subjectOf returns the user that a sub claim names. RFC 7519 §4.1.2 requires text, but some issuers number their
// users.
func subjectOf(sub any) (string, error) {
	switch sub := sub.(type) {
	case string:
		// What is not UTF-8 has become U+FFFD, so two users could have the same name.
		if strings.TrimSpace(sub) != "" && len(sub) <= maxSubject && !strings.ContainsFunc(sub, unicode.IsControl) && !strings.ContainsRune(sub, unicode.ReplacementChar) {
			return sub, nil
		}
	case json.Number:
		if _, err := strconv.ParseInt(sub.String(), 10, 64); err == nil {
			return sub.String(), nil
		}
	case float64:
		if sub == math.Trunc(sub) && math.Abs(sub) < 1<<53 {
			return strconv.FormatFloat(sub, 'f', 0, 64), nil
		}
	}
	return "", invalid(nil, "Its sub must be the name of a user: text of at most %d bytes in UTF-8 without control characters, or a whole number", maxSubject)
}

// texts returns the texts in a claim, or nil if there is no such claim.
func texts(claims map[string]any, name string) []string {
	value, ok := claims[name]
	if !ok {
		value = claims
		for part := range strings.SplitSeq(name, ".") {
			switch object := value.(type) {
			case map[string]any:
				value, ok = object[part]
			case jwt.MapClaims:
				value, ok = object[part]
			default:
				ok = false
			}
			if !ok {
				return nil
			}
		}
	}
	switch value := value.(type) {
	case string:
		return append([]string{}, strings.Fields(value)...)
	case []any:
		list := []string{}
		for _, element := range value {
			if text, isText := element.(string); isText {
				list = append(list, text)
			}
		}
		return list
	}
	return []string{}
}
