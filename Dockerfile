# docker build -t meetingcast . && docker run --network host -v meetingcast:/data meetingcast
#
# WebRTC media comes to UDP ports that the server chooses: either the host's network, or
# `webrtc.udp_port_min/max` and `webrtc.public_ip` set and the range published.
FROM rust:1-trixie AS build
WORKDIR /build
COPY scripts/setup.sh scripts/
RUN scripts/setup.sh build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --release --locked

FROM debian:trixie-slim
COPY scripts/setup.sh /tmp/
# ca-certificates: RTMPS destinations are verified. fonts-noto-core: titles of most scripts. tzdata: the clock's time zones.
RUN /tmp/setup.sh run \
    && apt-get install -y -qq --no-install-recommends ca-certificates fonts-noto-core tzdata \
    && rm -rf /tmp/setup.sh /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin meetingcast \
    && install -d -o meetingcast -g meetingcast /data
COPY --from=build /build/target/release/meetingcast /usr/local/bin/
COPY LICENSE /usr/share/doc/meetingcast/
USER meetingcast
WORKDIR /data
VOLUME /data
# Open to all addresses of the container; without keys in [auth] the server then refuses to start
# (auth.mode = "open" is for loopback), so no image runs open to a network by accident.
ENV MEETINGCAST__SERVER__LISTEN=0.0.0.0:8080 \
    MEETINGCAST__SERVER__DATA_DIR=/data
EXPOSE 8080/tcp
ENTRYPOINT ["meetingcast"]
CMD ["serve"]
