// Package mount holds the edge's location in a site: its path prefix, and the proxies in front of it.
package mount

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"headway/internal/rpcerr"
)

// maxPrefix is the maximum length of a prefix. It is part of every link.
const maxPrefix = 200

// prefixPattern is a prefix of segments without characters that need encoding.
var prefixPattern = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// ParseBase returns a prefix without the slash at its end. "/" is the empty prefix.
func ParseBase(text string) (string, error) {
	base := strings.TrimRight(text, "/")
	if base != "" && (len(base) > maxPrefix || !prefixPattern.MatchString(base)) {
		return "", fmt.Errorf("%q is not a path prefix. Write it with a slash at the start, for example /headway", text)
	}
	return base, nil
}

// Proxies are the addresses of proxies whose X-Forwarded-Prefix is trusted.
type Proxies []netip.Prefix

// ParseProxies parses addresses and networks (CIDR).
func ParseProxies(texts []string) (Proxies, error) {
	var list Proxies
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(text); err == nil {
				network = netip.PrefixFrom(address, address.BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not an address or a network, for example 10.0.0.1 or 10.0.0.0/8", text)
		}
		list = append(list, network.Masked())
	}
	return list, nil
}

// has reports whether the peer at an address (host:port) is one of the proxies.
func (p Proxies) has(peer string) bool {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// forwardedPrefix is the header in which proxies send the prefix that they removed from a path.
const forwardedPrefix = "X-Forwarded-Prefix"

// Mount is the location of the edge. The zero value is the root of a site.
type Mount struct {
	// Base is the prefix of requests, unless a trusted proxy sends another prefix.
	Base string
	// Proxies can send another prefix.
	Proxies Proxies
}

type contextKey struct{}

// Base returns the prefix of a request's paths as the client sees them. It is "" at the root, and has no slash at its end.
func Base(ctx context.Context) string {
	base, _ := ctx.Value(contextKey{}).(string)
	return base
}

// Handler passes requests to next without their prefix. It doesn't matter whether a proxy has already removed it.
// refuse answers requests with an invalid prefix.
func (m *Mount) Handler(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base, err := m.baseOf(r)
		if err != nil {
			refuse(w, r, rpcerr.Invalid(forwardedPrefix, "It must be a path prefix, for example /headway."))
			return
		}
		if base == "" {
			next.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == base { // relative links need the slash
			target := url.URL{Path: base + "/", RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, target.RequestURI(), http.StatusPermanentRedirect)
			return
		}
		within := r.WithContext(context.WithValue(r.Context(), contextKey{}, base))
		if strings.HasPrefix(r.URL.Path, base+"/") {
			address := *r.URL
			address.Path, address.RawPath = strings.TrimPrefix(address.Path, base), strings.TrimPrefix(address.RawPath, base)
			within.URL = &address
		}
		next.ServeHTTP(w, within)
	})
}

func (m *Mount) baseOf(r *http.Request) (string, error) {
	sent := r.Header.Get(forwardedPrefix)
	if sent == "" || !m.Proxies.has(r.RemoteAddr) {
		return m.Base, nil
	}
	return ParseBase(sent)
}
