# syntax=docker/dockerfile:1

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked && mkdir /empty

FROM debian:bookworm-slim
COPY --from=build /src/target/release/purser /usr/local/bin/purser
# A named volume takes over owner and mode of the directory it covers; a bind mount must be writable for 65532.
COPY --from=build --chown=65532:65532 /empty /data
USER 65532:65532
WORKDIR /data
VOLUME /data

# Only a container's own network sees these ports until they are published; publish 50051, keep 8080 inside.
ENV PURSER_DATABASE_URL=sqlite:/data/purser.db \
    PURSER_GRPC_LISTEN=0.0.0.0:50051 \
    PURSER_HTTP_LISTEN=0.0.0.0:8080
EXPOSE 50051 8080

# bash speaks HTTP itself, so the image needs no client. Whoever moves PURSER_HTTP_LISTEN brings a check of their own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]

ENTRYPOINT ["/usr/local/bin/purser"]
CMD ["serve"]
