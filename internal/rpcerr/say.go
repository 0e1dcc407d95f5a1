package rpcerr

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/messages"
	"headway/internal/messages/messagepb"
)

// Say returns a new error whose text is a message of the catalogs. The status has the English text, and the message as a detail, from
// which a client makes the text in its own language.
func Say(code codes.Code, reason errorsv1.ErrorReason, says messages.Message) error {
	return WrapSaid(code, reason, says, nil)
}

// SayAs is Say with an English text that says more than the message, about what only people understand who know the subject.
func SayAs(code codes.Code, reason errorsv1.ErrorReason, text string, says messages.Message) error {
	return build(code, reason, text, nil, protoadapt.MessageV1Of(messagepb.Text(says)))
}

// WrapSaid is Say with a cause, which is for the log only.
func WrapSaid(code codes.Code, reason errorsv1.ErrorReason, says messages.Message, cause error) error {
	return build(code, reason, says.English(), cause, protoadapt.MessageV1Of(messagepb.Text(says)))
}
