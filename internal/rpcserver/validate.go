package rpcserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"headway/internal/rpcerr"
)

func validateUnary(v protovalidate.Validator) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := validate(v, req); err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
}

func validateStream(v protovalidate.Validator) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return handler(srv, &validatedStream{ss, v})
	}
}

// validatedStream validates every message that it receives.
type validatedStream struct {
	grpc.ServerStream
	validator protovalidate.Validator
}

// RecvMsg implements grpc.ServerStream.
func (s *validatedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return validate(s.validator, m)
}

// validator is created once, because it caches the rules of each message.
var validator = sync.OnceValues(func() (protovalidate.Validator, error) { return protovalidate.New() })

// Validate checks a message against the rules in its proto file, as a service does with a request.
func Validate(m proto.Message) error {
	v, err := validator()
	if err != nil {
		return rpcerr.Internal(fmt.Errorf("create the validator: %w", err))
	}
	return validate(v, m)
}

// validate checks a request against the rules in its proto file.
func validate(v protovalidate.Validator, req any) error {
	msg, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	err := v.Validate(msg)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return rpcerr.Internal(err)
	}
	violations := make([]*errdetails.BadRequest_FieldViolation, len(invalid.Violations))
	for i, violation := range invalid.Violations {
		text := violation.Proto.GetMessage()
		if violation.Proto.GetRuleId() == "string.pattern" {
			text = cmp.Or(inWords[violation.RuleValue.String()], text)
		}
		violations[i] = &errdetails.BadRequest_FieldViolation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: text,
		}
	}
	return rpcerr.InvalidFields(violations)
}
