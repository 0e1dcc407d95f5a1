package main

import (
	"time"

	"google.golang.org/grpc"

	"headway/cmd/internal/program"
	"headway/internal/auth"
	"headway/internal/rpcclient"
)

// localUser is who works at this machine when nobody signs in: the page's local sign-in and the command line agree.
const localUser = program.LocalUser

// connectFlags say who calls, and how.
type connectFlags struct {
	program.KeyFlags
	Token string `help:"Token to call with; without one, the data folder's key signs one for the local user." placeholder:"TOKEN"`
	TLS   bool   `help:"Call over TLS, with the system's certificates." name:"tls"`
}

// dial connects lazily: an address where nobody answers shows at the first call.
func (c *connectFlags) dial(address string) (*grpc.ClientConn, error) {
	token := c.Token
	if token == "" {
		key, err := c.SigningKey()
		if err != nil {
			return nil, err
		}
		if token, err = key.Sign(auth.Identity{Subject: localUser}, 24*time.Hour); err != nil {
			return nil, err
		}
	}
	return rpcclient.Dial(address, rpcclient.Config{Credentials: auth.StaticCredentials(token), TLS: c.TLS})
}
