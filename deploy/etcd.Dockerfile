# etcd, etcdctl and etcdutl, as .tools/etcd pins them: docker build -f deploy/etcd.Dockerfile .
# The bases are named by tag, so that a mirror or a stand-in can take their place.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM ${GO_IMAGE} AS build
WORKDIR /src
RUN --mount=type=bind,target=/src \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    export CGO_ENABLED=0 GOWORK=off GOFLAGS="$GOFLAGS -mod=readonly" && cd .tools/etcd && \
    go build -trimpath -ldflags="-s -w" -o /out/etcd go.etcd.io/etcd/server/v3 && \
    go build -trimpath -ldflags="-s -w" -o /out/etcdctl go.etcd.io/etcd/etcdctl/v3 && \
    go build -trimpath -ldflags="-s -w" -o /out/etcdutl go.etcd.io/etcd/etcdutl/v3
# A volume takes its owner and mode from the folder of the image that it is mounted over.
RUN mkdir -m 0700 /data

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="OKR Manager: etcd"
COPY --from=build /out/etcd /out/etcdctl /out/etcdutl /
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENTRYPOINT ["/etcd"]
