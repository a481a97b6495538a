package rpcerr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const etagMismatch = accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH

func TestAnErrorBecomesAStatusWithItsDetails(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     *rpcerr.Error
		code    codes.Code
		message string
		details []proto.Message
	}{
		{
			"a reason with metadata",
			rpcerr.New(codes.Aborted, etagMismatch, "%s has changed", "okr_1").With("etag", "e2"),
			codes.Aborted, "okr_1 has changed",
			[]proto.Message{&errdetails.ErrorInfo{Reason: "ETAG_MISMATCH", Domain: "okr-manager", Metadata: map[string]string{"etag": "e2"}}},
		},
		{
			"fields, whose descriptions are the message",
			rpcerr.FieldInvalid().Field("objective.title", "is too long", "string.max_len").Field("", "names no one", "close.someone"),
			codes.InvalidArgument, "objective.title: is too long; names no one",
			[]proto.Message{
				&errdetails.ErrorInfo{Reason: "FIELD_INVALID", Domain: "okr-manager"},
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "objective.title", Description: "is too long", Reason: "string.max_len"},
					{Description: "names no one", Reason: "close.someone"},
				}},
			},
		},
		{
			"a time to wait",
			rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "too many").RetryAfter(time.Second),
			codes.ResourceExhausted, "too many",
			[]proto.Message{
				&errdetails.ErrorInfo{Reason: "RATE_LIMITED", Domain: "okr-manager"},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := status.Convert(test.err)
			if st.Code() != test.code || st.Message() != test.message {
				t.Errorf("the status is %v", st)
			}
			details := st.Details()
			if len(details) != len(test.details) {
				t.Fatalf("the details are %v", details)
			}
			for i, d := range details {
				if got, _ := d.(proto.Message); !proto.Equal(got, test.details[i]) {
					t.Errorf("detail %d is %v, want %v", i, got, test.details[i])
				}
			}
		})
	}
}

func TestTheCauseIsForTheLogAndNotForTheCaller(t *testing.T) {
	cause := errors.New("key 17 of acme is damaged")
	err := fmt.Errorf("reading: %w", rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no such objective").Wrap(cause))
	if !errors.Is(err, cause) {
		t.Error("the cause cannot be found")
	}
	if want := "reading: OBJECTIVE_NOT_FOUND: no such objective: key 17 of acme is damaged"; err.Error() != want {
		t.Errorf("the log says %q, want %q", err, want)
	}
	if st := rpcerr.Public(err); st.Message() != "no such objective" {
		t.Errorf("the caller gets %q", st.Message())
	}
}

func TestAReasonIsReadBackFromTheWire(t *testing.T) {
	own := rpcerr.New(codes.Aborted, etagMismatch, "changed").With("etag", "e2")
	wire := status.FromProto(own.GRPCStatus().Proto()).Err() // what a client of the call holds
	foreign, err := status.New(codes.Aborted, "changed").WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: "ETAG_MISMATCH", Domain: "example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := status.New(codes.Aborted, "changed").WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: "OF_A_LATER_VERSION", Domain: rpcerr.Domain}))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		err  error
		want accessv1.ErrorReason
	}{
		{"an error of this process", own, etagMismatch},
		{"one that is wrapped", fmt.Errorf("updating: %w", own), etagMismatch},
		{"one from the wire", wire, etagMismatch},
		{"one from the wire that is wrapped", fmt.Errorf("updating: %w", wire), etagMismatch},
		{"one of another domain", foreign.Err(), 0},
		{"a reason of a later version", unknown.Err(), 0},
		{"a status without details", status.Error(codes.Aborted, "changed"), 0},
		{"an ordinary error", errors.New("changed"), 0},
		{"no error", nil, 0},
	} {
		if got := rpcerr.ReasonOf(test.err); got != test.want {
			t.Errorf("%s has the reason %v", test.name, got)
		}
	}
	if etag := rpcerr.InfoOf(wire).GetMetadata()["etag"]; etag != "e2" {
		t.Errorf("the metadata from the wire is %q", etag)
	}
}

func TestEveryReasonHasAShortName(t *testing.T) {
	for number := range accessv1.ErrorReason_name {
		r := accessv1.ErrorReason(number)
		name := rpcerr.ReasonName(r)
		if accessv1.ErrorReason_value["ERROR_REASON_"+name] != number {
			t.Errorf("%v is written %q", r, name)
		}
	}
}

func TestWhatIsNotForTheCallerIsHidden(t *testing.T) {
	const secret = "password of the database"
	for _, test := range []struct {
		name string
		err  error
		code codes.Code
		text string
	}{
		{"an ordinary error", errors.New(secret), codes.Internal, "internal error"},
		{"an internal status", status.Error(codes.Internal, secret), codes.Internal, "internal error"},
		{"an internal status that is wrapped", fmt.Errorf("calling: %w", status.Error(codes.Internal, secret)), codes.Internal, "internal error"},
		{"an unknown status", status.Error(codes.Unknown, secret), codes.Internal, "internal error"},
		{"data loss", status.Error(codes.DataLoss, secret), codes.Internal, "internal error"},
		{"an internal error of our own making", rpcerr.New(codes.Internal, 0, secret), codes.Internal, "internal error"},
		{"the same, wrapped", fmt.Errorf("calling: %w", rpcerr.New(codes.Internal, 0, secret)), codes.Internal, "internal error"},
		{"the end of a context", context.Canceled, codes.Canceled, "the call was canceled"},
		{"a deadline, with what was being done", fmt.Errorf("%s: %w", secret, context.DeadlineExceeded), codes.DeadlineExceeded, "the call took longer than its deadline"},
		{"a status that is meant", status.Error(codes.Unimplemented, "not here"), codes.Unimplemented, "not here"},
	} {
		if st := rpcerr.Public(test.err); st.Code() != test.code || st.Message() != test.text || len(st.Details()) != 0 {
			t.Errorf("%s reaches the caller as %v", test.name, st)
		}
	}
	if st := rpcerr.Public(nil); st != nil {
		t.Errorf("no error reaches the caller as %v", st)
	}
}

func TestAccessorsOfAnError(t *testing.T) {
	err := rpcerr.New(codes.Aborted, etagMismatch, "changed").With("etag", "e2")
	if err.Code() != codes.Aborted || err.Reason() != etagMismatch {
		t.Errorf("the error is %v, %v", err.Code(), err.Reason())
	}
	err.Metadata()["etag"] = "forged"
	if err.Metadata()["etag"] != "e2" {
		t.Error("the metadata can be changed from outside")
	}
}
