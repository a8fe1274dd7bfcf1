// sdk/src/stats.ts
var e = 2e3, t = (e, t) => typeof e[t] == "number" ? e[t] : 0, n = (e, t) => typeof e[t] == "number" ? e[t] : null, r = class {
	#e = null;
	read(e, r = Date.now()) {
		let o = {
			at: r,
			bytes: 0,
			packets: 0,
			lost: 0
		}, s = {
			kbps: 0,
			lossPercent: 0,
			width: 0,
			height: 0,
			fps: 0,
			rttMs: null,
			jitterMs: null,
			audioLevel: null,
			frames: 0
		};
		e.forEach((e) => {
			let r = e;
			switch (r.type) {
				case "inbound-rtp":
					o.bytes += t(r, "bytesReceived"), o.packets += t(r, "packetsReceived"), o.lost += Math.max(0, t(r, "packetsLost")), s.frames += t(r, "framesDecoded"), r.kind === "audio" && (s.audioLevel = n(r, "audioLevel")), a(s, r);
					break;
				case "outbound-rtp":
					o.bytes += t(r, "bytesSent"), o.packets += t(r, "packetsSent"), s.frames += t(r, "framesEncoded"), a(s, r);
					break;
				case "remote-inbound-rtp":
					o.lost += Math.max(0, t(r, "packetsLost")), s.rttMs = i(n(r, "roundTripTime")) ?? s.rttMs;
					break;
				case "media-source":
					r.kind === "audio" && (s.audioLevel = n(r, "audioLevel"));
					break;
				case "candidate-pair": r.nominated === !0 && (s.rttMs ??= i(n(r, "currentRoundTripTime")));
			}
		});
		let c = this.#e;
		if (this.#e = o, c && o.at > c.at && o.bytes >= c.bytes) {
			s.kbps = Math.round((o.bytes - c.bytes) * 8 / (o.at - c.at));
			let [e, t] = [o.packets - c.packets, Math.max(0, o.lost - c.lost)];
			e + t > 0 && (s.lossPercent = Math.round(t / (e + t) * 1e3) / 10);
		}
		return s;
	}
}, i = (e) => e === null ? null : Math.round(e * 1e3);
function a(e, r) {
	r.kind === "video" && (e.width = t(r, "frameWidth"), e.height = t(r, "frameHeight"), e.fps = t(r, "framesPerSecond"), e.jitterMs = i(n(r, "jitter")));
}
// sdk/src/call-peer.ts
var o = 15e3, s = class {
	#e;
	#t;
	#n = new r();
	#r;
	#i;
	#a = !1;
	#o = Promise.resolve();
	#s = ({ kind: e, track: t }) => {
		this.#t.getSenders().find((t) => t.track?.kind === e)?.replaceTrack(t);
	};
	constructor(t) {
		this.#e = t;
		let n = new RTCPeerConnection(t.configuration);
		this.#t = n, n.onicecandidate = ({ candidate: e }) => t.send({ candidate: e?.toJSON() ?? null }), n.ontrack = ({ track: e }) => t.track(e), n.onconnectionstatechange = () => this.#u();
		let r = t.stream?.mediaStream;
		for (let e of r?.getTracks() ?? []) n.addTrack(e, r);
		if (t.stream?.on("track_changed", this.#s), this.#r = setInterval(() => void this.#d(), e), t.offers) {
			for (let e of ["audio", "video"]) r?.getTracks().some((t) => t.kind === e) || n.addTransceiver(e, { direction: "recvonly" });
			this.#l(() => this.#c());
		}
	}
	take({ sdp: e, candidate: t }) {
		this.#l(async () => {
			if (e) {
				if (await this.#t.setRemoteDescription(e), e.type !== "offer") return;
				await this.#t.setLocalDescription(await this.#t.createAnswer()), this.#t.localDescription && this.#e.send({ sdp: c(this.#t.localDescription) });
			} else t && await this.#t.addIceCandidate(t);
		});
	}
	close() {
		this.#a || (this.#a = !0, clearInterval(this.#r), clearTimeout(this.#i), this.#e.stream?.off("track_changed", this.#s), this.#t.close());
	}
	async #c(e = !1) {
		await this.#t.setLocalDescription(await this.#t.createOffer({ iceRestart: e })), this.#t.localDescription && this.#e.send({ sdp: c(this.#t.localDescription) });
	}
	#l(e) {
		this.#o = this.#o.then(async () => {
			this.#a || await e();
		}).catch((e) => {
			console.warn("meetingcast: a call signal could not be used:", e);
		});
	}
	#u() {
		switch (this.#t.connectionState) {
			case "connected": return clearTimeout(this.#i), this.#i = void 0, this.#e.connected();
			case "failed":
				this.#i ??= setTimeout(() => this.#e.lost(), o), this.#e.offers && this.#l(() => this.#c(!0));
				return;
		}
	}
	async #d() {
		this.#a || this.#t.connectionState !== "connected" || this.#e.stats(this.#n.read(await this.#t.getStats()));
	}
}, c = ({ type: e, sdp: t }) => ({
	type: e,
	sdp: t
}), l = class {
	#e = /* @__PURE__ */ new Map();
	on(e, t) {
		let n = this.#e.get(e);
		n || this.#e.set(e, n = /* @__PURE__ */ new Set()), n.add(t);
		for (let n of this.current(e)) queueMicrotask(() => {
			this.#e.get(e)?.has(t) && u(t, n);
		});
		return this;
	}
	off(e, t) {
		return this.#e.get(e)?.delete(t), this;
	}
	once(e, t) {
		let n = (r) => {
			this.off(e, n), t(r);
		};
		return this.on(e, n);
	}
	emit(e, t) {
		for (let n of [...this.#e.get(e) ?? []]) u(n, t);
	}
	current(e) {
		return [];
	}
};
function u(e, t) {
	try {
		e(t);
	} catch (e) {
		queueMicrotask(() => {
			throw e;
		});
	}
}
// sdk/src/problem.ts
var d = class extends Error {
	code;
	status;
	field;
	retryAfterMs;
	constructor(e, t, n = {}) {
		super(t, n.cause === void 0 ? void 0 : { cause: n.cause }), this.name = "MeetingCastError", this.code = e, this.status = n.status, this.field = n.field, this.retryAfterMs = n.retryAfterMs;
	}
	get isPassing() {
		return this.code === "network_lost" || this.code === "media_not_ready" || this.code === "overloaded" || this.code === "worker_unavailable" || this.status === 502 || this.status === 503;
	}
}, f = (e) => typeof e == "string" ? e : void 0;
function p(e, t, n) {
	let r = typeof e.status == "number" ? e.status : t, i = f(e.detail) ?? f(e.title) ?? `The server answered ${r ?? "with an error"}.`, a = f(e.field), o = n ? Number(n) : NaN;
	return new d(f(e.code) ?? "unknown", i, {
		...r === void 0 ? {} : { status: r },
		...a === void 0 ? {} : { field: a },
		...Number.isFinite(o) ? { retryAfterMs: o * 1e3 } : {}
	});
}
function m(e, t = "unknown") {
	return e instanceof d ? e : new d(t, e instanceof Error ? e.message : String(e), { cause: e });
}
// sdk/src/media-session.ts
var ee = 500, h = 5e3, g = 15e3, te = 4e3, _ = 500, v = 1e4, ne = /* @__PURE__ */ new Set([
	"media_not_ready",
	"stream_not_found",
	"participant_not_found",
	"conference_not_found",
	"timeout"
]), y = 8, b = class extends l {
	#e;
	#t = new r();
	#n = null;
	#r = null;
	#i = "connecting";
	#a = 0;
	#o = 0;
	#s;
	#c;
	constructor(e) {
		super(), this.#e = e;
	}
	get state() {
		return this.#i;
	}
	get peer() {
		return this.#n;
	}
	start() {
		this.#c ??= setInterval(() => void this.#m(), e), this.#l();
	}
	restart() {
		this.#i !== "closed" && (this.#a = 0, clearTimeout(this.#s), this.#l());
	}
	async close() {
		this.#i !== "closed" && (this.#o += 1, clearTimeout(this.#s), clearInterval(this.#c), this.#h("closed"), await this.#f());
	}
	current(e) {
		return e === "state" ? [this.#i] : [];
	}
	async #l() {
		let e = ++this.#o;
		this.#f(), this.#h(this.#a === 0 ? "connecting" : "retrying");
		let t = new RTCPeerConnection({
			bundlePolicy: "max-bundle",
			...this.#e.configuration()
		});
		this.#n = t;
		try {
			if (t.ontrack = ({ track: t }) => {
				e === this.#o && this.emit("track", t);
			}, this.#e.prepare(t), await t.setLocalDescription(await t.createOffer()), await x(t, this.#e.configuration().iceTransportPolicy === "relay" ? h : ee), e !== this.#o) return t.close();
			let n = await this.#e.rest.send("POST", this.#e.path, t.localDescription?.sdp ?? "", "application/sdp");
			if (e !== this.#o) {
				t.close(), n.location && await this.#p(n.location);
				return;
			}
			this.#r = n.location, await t.setRemoteDescription({
				type: "answer",
				sdp: n.text
			}), this.#u(t, e);
		} catch (n) {
			t.close(), e === this.#o && this.#d(m(n, "media_failed"));
		}
	}
	#u(e, t) {
		let n, r = (e) => {
			clearTimeout(n), t === this.#o && this.#d(new d("network_lost", e));
		};
		n = setTimeout(() => r("No media connection came up in time."), g);
		let i = () => {
			if (t !== this.#o) return clearTimeout(n);
			switch (e.connectionState) {
				case "connected": return clearTimeout(n), this.#a = 0, this.#h("connected");
				case "failed":
				case "closed": return r("The media connection was lost.");
				case "disconnected":
					clearTimeout(n), n = setTimeout(() => r("The media connection was lost."), te);
					return;
			}
		};
		e.onconnectionstatechange = i, i();
	}
	#d(e) {
		let t = ne.has(e.code) && this.#a < y;
		if (!e.isPassing && !t) return this.#o += 1, this.#f(), this.#h("failed"), this.emit("error", e);
		let n = e.retryAfterMs ?? Math.min(_ * 2 ** this.#a, v);
		this.#a += 1, this.#o += 1, this.#h("retrying"), this.#s = setTimeout(() => void this.#l(), n);
	}
	async #f() {
		let [e, t] = [this.#n, this.#r];
		this.#n = null, this.#r = null, e?.close(), t && await this.#p(t);
	}
	async #p(e) {
		await this.#e.rest.send("DELETE", e).catch(() => void 0);
	}
	async #m() {
		let e = this.#n;
		if (!e || this.#i !== "connected") return;
		let t = this.#t.read(await e.getStats());
		e === this.#n && this.emit("stats", t);
	}
	#h(e) {
		this.#i !== e && (this.#i = e, this.emit("state", e));
	}
};
function x(e, t) {
	return e.iceGatheringState === "complete" ? Promise.resolve() : new Promise((n) => {
		let r = setTimeout(n, t);
		e.onicegatheringstatechange = () => {
			e.iceGatheringState === "complete" && (clearTimeout(r), n());
		};
	});
}
// sdk/src/stream.ts
var S = class extends l {
	mediaStream;
	#e = /* @__PURE__ */ new Set();
	constructor(e) {
		super(), this.mediaStream = e;
	}
	attach(e) {
		this.#e.add(e), e.srcObject = this.mediaStream, this.isLocal && (e.muted = !0), e.autoplay = !0, e.setAttribute("playsinline", ""), e.play?.()?.catch(() => void 0);
	}
	detach(e) {
		for (let t of e ? [e] : [...this.#e]) t.srcObject === this.mediaStream && (t.srcObject = null), this.#e.delete(t);
	}
	enableAudio(e) {
		for (let t of this.mediaStream.getAudioTracks()) t.enabled = e;
	}
	enableVideo(e) {
		for (let t of this.mediaStream.getVideoTracks()) t.enabled = e;
	}
	get isAudioEnabled() {
		return this.mediaStream.getAudioTracks().some((e) => e.enabled);
	}
	get isVideoEnabled() {
		return this.mediaStream.getVideoTracks().some((e) => e.enabled);
	}
}, C = class extends S {
	isLocal = !1;
	name;
	#e = null;
	#t = "connecting";
	constructor(e, t) {
		if (super(new MediaStream()), this.name = e, !t) {
			this.#t = "connected";
			return;
		}
		let { audio: n, video: r, ...i } = t, a = (e) => {
			n && e.addTransceiver("audio", { direction: "recvonly" }), r && e.addTransceiver("video", { direction: "recvonly" });
		};
		this.#e = new b({
			...i,
			prepare: a
		}), this.#e.on("track", (e) => this.put(e)), this.#e.on("state", (e) => this.#n(e)), this.#e.on("stats", (e) => this.emit("stats", e)), this.#e.on("error", (e) => this.emit("error", e)), this.#e.start();
	}
	get state() {
		return this.#t;
	}
	put(e) {
		for (let t of this.mediaStream.getTracks()) t.kind === e.kind && t !== e && (e.enabled = t.enabled, this.mediaStream.removeTrack(t));
		this.mediaStream.addTrack(e);
	}
	report(e) {
		this.emit("stats", e);
	}
	restart() {
		this.#e?.restart();
	}
	close() {
		this.#t !== "closed" && (this.detach(), this.#n("closed"), this.#e?.close(), this.emit("closed", void 0));
	}
	current(e) {
		return e === "state" ? [this.#t] : [];
	}
	#n(e) {
		this.#t !== e && this.#t !== "closed" && (this.#t = e, this.emit("state", e));
	}
}, re = /* @__PURE__ */ new Set([
	"refused",
	"canceled",
	"busy",
	"timeout"
]), w = class extends l {
	id;
	with;
	direction;
	mode;
	userData;
	remote = new C("call");
	#e;
	#t;
	#n = "inviting";
	#r;
	#i = null;
	#a = null;
	#o = !1;
	#s = [];
	constructor(e, t, n) {
		super(), this.#e = e, this.id = t.id, this.with = t.with, this.direction = t.direction, this.mode = t.mode, this.userData = t.userData, this.#t = n, t.direction === "incoming" && (this.#n = "ringing");
	}
	get state() {
		return this.#n;
	}
	get isOver() {
		return this.#r !== void 0;
	}
	get reason() {
		return this.#r;
	}
	get conference() {
		return this.#a;
	}
	async accept(e) {
		if (this.direction !== "incoming") throw new d("invalid_argument", "Only the one who is called can accept.");
		this.#t = e ?? this.#t, await this.#c("call.accept");
	}
	refuse() {
		return this.#c("call.refuse");
	}
	cancel() {
		return this.#c("call.cancel");
	}
	async close() {
		this.isOver || await this.#c("call.close");
	}
	take(e) {
		if (!this.isOver) switch (e.state) {
			case "inviting": return;
			case "ringing": return this.#l("ringing");
			case "accepted": return this.#l("accepted"), this.#u(e);
			case "connected": return this.#n !== "accepted" && this.#l("accepted"), this.#n = "connected", this.emit("state", "connected"), this.emit("connected", this.remote);
			case "closed": return this.end(e.reason ?? "hangup");
		}
	}
	signal(e) {
		this.#i ? this.#i.take(e) : this.#s.push(e);
	}
	end(e) {
		this.isOver || (this.#r = e, this.#e.forgetCall(this), this.#i?.close(), this.remote.close(), this.#a?.leave(), this.#n = re.has(e) && this.#n !== "connected" ? e : "closed", this.emit("state", this.#n), (this.#n === "refused" || this.#n === "canceled" || this.#n === "busy" || this.#n === "timeout") && this.emit(this.#n, void 0), this.emit("closed", e));
	}
	current(e) {
		return e === "state" ? [this.#n] : e === "closed" ? this.#r ? [this.#r] : [] : e === "connected" ? this.#n === "connected" ? [this.remote] : [] : e === "accepted" && this.#n === "connected" || e === this.#n ? [void 0] : [];
	}
	async #c(e) {
		await this.#e.socket.request({
			type: e,
			call: this.id
		});
	}
	#l(e) {
		this.#n !== e && this.#n !== "connected" && (this.#n = e, this.emit("state", e), this.emit(e, void 0));
	}
	#u({ conference: e, token: t }) {
		if (!(this.#i || this.#a)) {
			if (e) return this.#d(e, t);
			this.#i = new s({
				configuration: this.#e.configuration,
				stream: this.#t,
				offers: this.direction === "outgoing",
				send: (e) => void this.#e.socket.request({
					type: "call.signal",
					call: this.id,
					...e
				}).catch(() => void 0),
				track: (e) => this.remote.put(e),
				connected: () => this.#f(),
				lost: () => void this.close().catch(() => void 0),
				stats: (e) => this.remote.report(e)
			});
			for (let e of this.#s.splice(0)) this.#i.take(e);
		}
	}
	#d(e, t) {
		this.#a = this.#e.connectToConference(e, {
			stream: this.#t,
			token: t
		}), this.#a.on("participant_connected", (e) => {
			e.id === this.with && e.on("stream_added", (e) => {
				e.on("state", (t) => {
					if (t === "connected") {
						for (let t of e.mediaStream.getTracks()) this.remote.put(t);
						this.#f();
					}
				}), e.on("stats", (e) => this.remote.report(e));
			});
		}), this.#a.on("connect_failed", () => void this.close().catch(() => void 0));
	}
	#f() {
		this.#o || this.isOver || (this.#o = !0, this.#e.socket.request({
			type: "call.connected",
			call: this.id
		}).catch(() => {
			this.#o = !1;
		}));
	}
}, T = 3e4, E = class {
	#e;
	#t;
	#n = Infinity;
	#r = Infinity;
	#i;
	constructor(e) {
		this.#e = e, typeof e == "string" && (this.#t = e);
	}
	get isUsed() {
		return this.#e !== void 0;
	}
	get isRenewable() {
		return typeof this.#e == "function";
	}
	get current() {
		return this.#t;
	}
	async get() {
		if (!this.isRenewable || this.#t !== void 0 && Date.now() < this.#n) return this.#t;
		let e = this.#a();
		return this.#t === void 0 || Date.now() >= this.#r ? e : (e.catch(() => void 0), this.#t);
	}
	async insteadOf(e) {
		return this.isRenewable && this.#t === e ? this.#a() : this.#t;
	}
	#a() {
		return this.#i ??= this.#o().finally(() => this.#i = void 0), this.#i;
	}
	async #o() {
		try {
			let e = typeof this.#e == "function" ? await this.#e() : this.#e ?? "", [t, n] = [Date.now(), D(e)];
			return this.#t = e, this.#r = t + n, this.#n = t + n - Math.min(T, n / 4), e;
		} catch (e) {
			throw m(e, "token_unavailable");
		}
	}
};
function D(e) {
	try {
		let t = (e.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"), { exp: n, iat: r } = JSON.parse(atob(t));
		if (typeof n != "number") return Infinity;
		let i = n * 1e3 - Date.now(), a = typeof r == "number" ? (n - r) * 1e3 : Math.max(0, i);
		return i > 0 && i < a ? i : a;
	} catch {
		return Infinity;
	}
}
// sdk/src/rest.ts
var O = class {
	base;
	token;
	constructor(e, t) {
		this.base = e.replace(/\/+$/, ""), this.token = t instanceof E ? t : new E(t);
	}
	async json(e, t, n) {
		let { text: r } = await this.send(e, t, n === void 0 ? void 0 : JSON.stringify(n), "application/json");
		return r ? JSON.parse(r) : null;
	}
	async send(e, t, n, r) {
		let i = new URL(t, `${this.base}/`), a = i.origin === new URL(this.base).origin ? this.token.isRenewable && e !== "DELETE" ? await this.token.get() : this.token.current : void 0;
		try {
			return await this.#e(e, i, n, r, a);
		} catch (t) {
			if (!(t instanceof d) || t.code !== "token_expired" || a === void 0) throw t;
			let o = await this.token.insteadOf(a);
			if (o === a) throw t;
			return this.#e(e, i, n, r, o);
		}
	}
	async #e(e, t, n, r, i) {
		let a = {};
		n !== void 0 && r && (a["content-type"] = r), i && (a.authorization = `Bearer ${i}`);
		let o;
		try {
			o = await fetch(t, {
				method: e,
				headers: a,
				keepalive: e === "DELETE",
				...n === void 0 ? {} : { body: n }
			});
		} catch (e) {
			throw new d("network_lost", "The server cannot be reached.", { cause: e });
		}
		let s = await o.text();
		if (o.ok) return {
			text: s,
			location: o.headers.get("location")
		};
		throw p(ie(s), o.status, o.headers.get("retry-after"));
	}
};
function ie(e) {
	try {
		let t = JSON.parse(e);
		return typeof t == "object" && t ? t : {};
	} catch {
		return {};
	}
}
var k = (e) => encodeURIComponent(e), A = class extends l {
	#e;
	#t;
	#n;
	#r = null;
	constructor(e, t) {
		super(), this.#e = e, this.#t = `/v1/conferences/${k(t)}/cast`, this.#n = `/v1/conferences/${k(t)}/pictures`;
	}
	get cast() {
		return this.#r;
	}
	get isStarted() {
		return this.#r?.state === "live" || this.#r?.state === "starting";
	}
	get isPassingThrough() {
		return this.isStarted && this.#r?.encoding?.mode === "passthrough";
	}
	get anchor() {
		let e = this.isStarted ? this.#r?.source : null;
		return e ? "participant" in e ? e.participant : "focus" in e ? e.focus : null : null;
	}
	get play() {
		return this.#r?.play ?? {
			hls: null,
			rtmp: null,
			whep: null
		};
	}
	async start(e) {
		let t = typeof e == "string" ? { participant: e } : e;
		return this.update(await this.#e.json("POST", `${this.#t}/start`, t));
	}
	switchParticipant(e) {
		return this.switch({ participant: e });
	}
	switch(e) {
		return this.#e.json("POST", `${this.#t}/switch`, e);
	}
	rundown() {
		return this.#e.json("GET", `${this.#t}/cues`);
	}
	putCues(e) {
		return this.#e.json("POST", `${this.#t}/cues`, { cues: e });
	}
	async clearCues() {
		await this.#e.json("DELETE", `${this.#t}/cues`);
	}
	nextCue() {
		return this.#e.json("POST", `${this.#t}/cues/next`);
	}
	goCue(e) {
		return this.#e.json("POST", `${this.#t}/cues/${k(e)}/go`);
	}
	cuesChanged() {
		this.emit("cues_changed", this);
	}
	overlayChanged(e) {
		this.emit("overlay_changed", e);
	}
	picturesChanged(e) {
		this.emit("pictures_changed", e);
	}
	async controlFile(e) {
		let t = typeof e == "string" ? { action: e } : {
			action: "seek",
			...e
		};
		return this.update(await this.#e.json("POST", `${this.#t}/file`, t));
	}
	async stop() {
		return this.update(await this.#e.json("POST", `${this.#t}/stop`));
	}
	addOutput(e) {
		return this.#e.json("POST", `${this.#t}/outputs`, e);
	}
	async removeOutput(e) {
		await this.#e.json("DELETE", `${this.#t}/outputs/${k(e)}`);
	}
	overlay() {
		return this.#e.json("GET", `${this.#t}/overlay`);
	}
	setOverlay(e) {
		return this.#e.json("PATCH", `${this.#t}/overlay`, e);
	}
	async pictures() {
		return (await this.#e.json("GET", this.#n)).pictures;
	}
	async putPicture(e, t) {
		let { text: n } = await this.#e.send("PUT", `${this.#n}/${k(e)}`, t, t.type);
		return JSON.parse(n);
	}
	async removePicture(e) {
		await this.#e.json("DELETE", `${this.#n}/${k(e)}`);
	}
	async refresh() {
		return this.update(await this.#e.json("GET", this.#t));
	}
	onStateChanged(e) {
		return this.on("state_changed", e), () => this.off("state_changed", e);
	}
	update(e) {
		let t = this.#r;
		return this.#r = e, t && j(t) === j(e) || this.emit("state_changed", this), e;
	}
	current(e) {
		return { state_changed: this.#r ? [this] : [] }[e] ?? [];
	}
};
function j({ state: e, source: t, source_state: n, file: r, audio: i, play: a, outputs: o, shed: s, error: c }) {
	return JSON.stringify([
		e,
		t,
		n,
		r?.paused,
		r?.duration_ms,
		i,
		a,
		s,
		c,
		o.map((e) => [
			e.id,
			e.state,
			e.retries,
			e.last_error
		])
	]);
}
// sdk/src/participant.ts
var M = class extends l {
	id;
	name;
	userData;
	streams = /* @__PURE__ */ new Map();
	#e;
	#t = !1;
	constructor(e, t) {
		super(), this.id = e.id, this.name = e.name ?? null, this.userData = e.user_data ?? null, this.#e = t;
	}
	get isConnected() {
		return !this.#t;
	}
	update(e) {
		this.name = e.name ?? null, this.userData = e.user_data ?? null;
		let t = new Map((e.streams ?? []).map((e) => [e.name, e]));
		for (let e of [...this.streams.keys()]) t.has(e) || this.removeStream(e);
		for (let e of t.values()) this.addStream(e);
	}
	addStream(e) {
		if (this.#t || this.streams.has(e.name)) return;
		let t = this.#e(this.id, e);
		this.streams.set(e.name, t), this.emit("stream_added", t);
	}
	removeStream(e) {
		let t = this.streams.get(e);
		t && (this.streams.delete(e), t.close(), this.emit("stream_removed", t));
	}
	leave(e) {
		if (!this.#t) {
			for (let e of [...this.streams.keys()]) this.removeStream(e);
			this.#t = !0, this.emit("disconnected", e);
		}
	}
	restart() {
		for (let e of this.streams.values()) e.restart();
	}
	current(e) {
		return e === "stream_added" ? [...this.streams.values()] : e === "disconnected" && this.#t ? [void 0] : [];
	}
}, N = "video/h264", P = (e) => e?.toLowerCase() === N;
function F() {
	let e = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [], t = e.filter(({ mimeType: e }) => P(e));
	return t.length === 0 ? null : [...t, ...e.filter(({ mimeType: e }) => !P(e))];
}
// sdk/src/publication.ts
var I = class {
	name;
	stream;
	session;
	#e;
	#t = /* @__PURE__ */ new Map();
	#n = {
		maxHeight: void 0,
		maxKbps: void 0
	};
	#r = Promise.resolve();
	#i = ({ kind: e, track: t }) => {
		this.#t.get(e)?.replaceTrack(t).then(() => this.#o());
	};
	constructor({ rest: e, conference: t, participant: n, name: r, stream: i, configuration: a, prefersH264: o }) {
		this.name = r, this.#e = o, this.stream = i;
		let s = new URLSearchParams({
			...n ? { participant: n } : {},
			stream: r
		});
		this.session = new b({
			rest: e,
			path: `/v1/conferences/${k(t)}/whip?${s}`,
			configuration: a,
			prepare: (e) => this.#a(e)
		}), this.session.on("state", (e) => {
			e === "connected" && this.#o();
		}), this.session.on("stats", (e) => i.report(e)), i.on("track_changed", this.#i);
	}
	async limit(e) {
		this.#n = e, await this.#o();
	}
	get sendsOtherThanH264() {
		let [e] = this.#t.get("video")?.getParameters().codecs ?? [];
		return e !== void 0 && !P(e.mimeType);
	}
	async close() {
		this.stream.off("track_changed", this.#i), await this.session.close();
	}
	#a(e) {
		this.#t = /* @__PURE__ */ new Map();
		for (let t of this.stream.mediaStream.getTracks()) {
			let n = e.addTransceiver(t, {
				direction: "sendonly",
				streams: [this.stream.mediaStream]
			});
			this.#t.set(t.kind, n.sender);
			let r = t.kind === "video" && this.#e() ? F() : null;
			r && n.setCodecPreferences(r);
		}
	}
	#o() {
		return this.#r = this.#r.then(async () => {
			let e = this.#t.get("video");
			e && await L(e, this.#n);
		}), this.#r;
	}
};
async function L(e, { maxHeight: t, maxKbps: n }) {
	let r = e.getParameters(), [i] = r.encodings ?? [];
	if (!i) return;
	let [a, o] = [n && n > 0 ? n * 1e3 : void 0, R(e.track?.getSettings().height, t)];
	(i.maxBitrate !== a || (i.scaleResolutionDownBy ?? 1) !== o) && (a === void 0 ? delete i.maxBitrate : i.maxBitrate = a, i.scaleResolutionDownBy = o, await e.setParameters(r).catch(() => void 0));
}
var R = (e, t) => e && t && t > 0 ? Math.max(1, e / t) : 1, z = class extends l {
	id;
	participants = /* @__PURE__ */ new Map();
	publications = /* @__PURE__ */ new Map();
	meetingCast;
	#e;
	#t;
	#n;
	#r = "connecting";
	#i;
	#a;
	#o = !1;
	#s;
	constructor(e, t, n = {}) {
		super(), this.id = t, this.#e = e, this.#n = n, this.#t = n.token ? new O(e.rest.base, n.token) : e.rest, this.meetingCast = new A(this.#t, t);
	}
	get state() {
		return this.#r;
	}
	get localId() {
		return this.#e.id;
	}
	async enter() {
		let { userData: e } = this.#n;
		try {
			await this.#e.socket.request({
				type: "join",
				conference: this.id,
				...e === void 0 ? {} : { user_data: e }
			});
		} catch (e) {
			let t = m(e);
			if (t.code === "network_lost" || t.code === "not_connected") return;
			this.#r === "connecting" ? this.#h(t) : this.#g(t);
		}
	}
	async tellLevels(e) {
		this.#s = e, await this.#e.socket.request({
			type: "levels",
			conference: this.id,
			on: e
		});
	}
	publish(e, t = "camera") {
		if (this.#r === "failed" || this.#r === "disconnected") throw new d("not_connected", "This conference was left.");
		if (this.publications.has(t)) throw new d("invalid_argument", `A stream is published as ${t} already.`);
		let n = new I({
			rest: this.#t,
			conference: this.id,
			participant: this.#t.token.isUsed ? void 0 : this.#e.id,
			name: t,
			stream: e,
			configuration: () => this.#e.configuration,
			prefersH264: () => this.meetingCast.isPassingThrough
		});
		return this.publications.set(t, n), n.session.on("error", (e) => this.emit("error", e)), n.session.start(), n;
	}
	async unpublish(e = "camera") {
		let t = this.publications.get(e);
		this.publications.delete(e), await t?.close();
	}
	async leave() {
		if (this.#r === "failed" || this.#r === "disconnected") return;
		let e = this.#e.socket.request({
			type: "leave",
			conference: this.id
		}).catch(() => void 0), t = [...this.publications.values()].map((e) => e.close());
		this.#g(), await Promise.all([e, ...t]);
	}
	take(e) {
		if (this.#r !== "failed" && this.#r !== "disconnected") switch (e.type) {
			case "joined": return this.#c(e.participants, e.cast);
			case "participant.connected": return this.#u(e.participant);
			case "participant.disconnected": return this.#p(e.id, e.reason);
			case "stream.added": return e.participant === this.localId ? void 0 : this.#d(e.participant).addStream({
				name: e.stream,
				audio: e.audio,
				video: e.video
			});
			case "stream.removed": return this.participants.get(e.participant)?.removeStream(e.stream);
			case "cast.changed": return this.#l(e.cast);
			case "cast.cues":
			case "cast.cue": return this.meetingCast.cuesChanged();
			case "cast.overlay": return this.meetingCast.overlayChanged(e.overlay);
			case "conference.pictures": return this.meetingCast.picturesChanged(e.pictures);
			case "load.shed":
			case "load.restored": return this.#a = {
				snapshots: e.snapshots,
				renditions: e.renditions
			}, this.emit("load", this.#a);
			case "levels": return this.emit("levels", e);
			case "worker.restarted":
				for (let { session: e } of this.publications.values()) e.restart();
				for (let e of this.participants.values()) e.restart();
				return;
			case "ended": {
				let t = e.reason === "removed";
				return this.#g(new d(t ? "removed" : "conference_ended", t ? "You were removed from the conference." : "The conference was ended."));
			}
		}
	}
	obey({ stream: e, max_height: t, max_kbps: n }) {
		this.publications.get(e)?.limit({
			maxHeight: t,
			maxKbps: n
		});
	}
	lose(e) {
		this.#r === "connecting" ? this.#h(e) : this.#g(e);
	}
	current(e) {
		return {
			connected: this.#r === "connected" ? [this.id] : [],
			connect_failed: this.#r === "failed" && this.#i ? [this.#i] : [],
			disconnected: this.#r === "disconnected" ? [this.#i] : [],
			participant_connected: [...this.participants.values()],
			load: this.#a ? [this.#a] : []
		}[e] ?? [];
	}
	#c(e, t) {
		let n = this.#r === "connecting";
		this.#r = "connected", this.#l(t), n && (this.emit("connected", this.id), this.#n.stream && this.publish(this.#n.stream)), this.#s !== void 0 && !n && this.tellLevels(this.#s).catch(() => void 0);
		let r = new Set(e.map(({ id: e }) => e));
		for (let e of [...this.participants.keys()]) r.has(e) || this.#p(e);
		for (let t of e) this.#u(t);
	}
	#l(e) {
		this.meetingCast.update(e);
		let t = this.meetingCast.isPassingThrough && !this.#o;
		if (this.#o = this.meetingCast.isPassingThrough, !t) return;
		let n = F() !== null;
		for (let { name: e, sendsOtherThanH264: t, session: r } of this.publications.values()) t && (this.emit("codec_wanted", {
			stream: e,
			codec: "h264",
			republished: n
		}), n && r.restart());
	}
	#u(e) {
		e.id !== this.localId && (this.participants.get(e.id) ?? this.#f(e)).update(e);
	}
	#d(e) {
		return this.participants.get(e) ?? this.#f({ id: e });
	}
	#f(e) {
		let t = new M(e, (e, t) => this.#m(e, t));
		return this.participants.set(e.id, t), this.emit("participant_connected", t), t;
	}
	#p(e, t) {
		let n = this.participants.get(e);
		n && (this.participants.delete(e), n.leave(t), this.emit("participant_disconnected", n));
	}
	#m(e, { name: t, audio: n, video: r }) {
		if (this.#n.subscribe === !1) return new C(t);
		let i = new URLSearchParams({ stream: t }), a = `/v1/conferences/${k(this.id)}/participants/${k(e)}/whep?${i}`;
		return new C(t, {
			rest: this.#t,
			path: a,
			configuration: () => this.#e.configuration,
			audio: n,
			video: r
		});
	}
	#h(e) {
		this.#e.forget(this), this.#r = "failed", this.#i = e, this.emit("connect_failed", e);
	}
	#g(e) {
		if (this.#r !== "disconnected") {
			this.#e.forget(this), this.#r = "disconnected", this.#i = e;
			for (let e of this.participants.values()) e.leave();
			this.participants.clear();
			for (let e of this.publications.values()) e.close();
			this.publications.clear(), this.emit("disconnected", e);
		}
	}
}, B = 2e3, V = class extends l {
	rest;
	socket;
	conferences = /* @__PURE__ */ new Map();
	calls = /* @__PURE__ */ new Map();
	#e;
	#t;
	#n;
	#r;
	#i = /* @__PURE__ */ new Map();
	#a = 0;
	constructor(e, t, n, r = {}) {
		super(), this.rest = e, this.socket = t, this.#e = r, this.#n = n, this.#t = n.client, t.on("message", (e) => this.#o(e)), t.on("lost", () => this.emit("disconnected", void 0)), t.on("welcome", (e) => this.#c(e)), t.on("over", (e) => this.#l(e));
	}
	get id() {
		return this.#t;
	}
	get limits() {
		return this.#n.limits ?? {};
	}
	get iceServers() {
		return this.#e.iceServers ?? this.#n.ice_servers ?? [];
	}
	get configuration() {
		return {
			...this.#e,
			iceServers: this.iceServers
		};
	}
	connectToConference(e, t = {}) {
		let n = this.conferences.get(e);
		if (n) return n;
		let r = new z(this, e, t);
		return this.#r ? (r.lose(this.#r), r) : (this.conferences.set(e, r), r.enter(), r);
	}
	async call(e, { mode: t = "p2p", userData: n, stream: r } = {}) {
		this.#a += 1;
		try {
			let i = await this.socket.request({
				type: "call.invite",
				to: e,
				mode: t,
				...n === void 0 ? {} : { user_data: n }
			}), a = String(i.call), o = this.calls.get(a);
			if (o) return o;
			let s = new w(this, {
				id: a,
				with: e,
				direction: "outgoing",
				mode: t,
				userData: n ?? null
			}, r);
			this.calls.set(a, s), i.state === "ringing" && s.take({
				type: "call.state",
				call: a,
				state: "ringing"
			});
			for (let e of this.#i.get(a) ?? []) this.#s(s, e);
			if (this.#i.delete(a), i.state === "closed" && !s.isOver && await H(s), s.reason === "offline") throw new d("offline", `${e} is not online.`);
			return s;
		} finally {
			--this.#a, this.#a === 0 && this.#i.clear();
		}
	}
	async close() {
		await Promise.all([...this.calls.values()].map((e) => e.close().catch(() => void 0))), await Promise.all([...this.conferences.values()].map((e) => e.leave())), this.socket.close();
	}
	abandon() {
		for (let e of this.calls.values()) e.close().catch(() => void 0);
		for (let e of [...this.conferences.values()]) e.leave();
		this.socket.close();
	}
	forget(e) {
		this.conferences.get(e.id) === e && this.conferences.delete(e.id);
	}
	forgetCall(e) {
		this.calls.delete(e.id);
	}
	current(e) {
		let t = [...this.calls.values()].filter((e) => e.direction === "incoming" && e.state === "ringing");
		return e === "call" ? t : e === "conflict" ? this.#r?.code === "conflict" ? [void 0] : [] : e === "closed" && this.#r ? [this.#r] : [];
	}
	#o(e) {
		switch (e.type) {
			case "call.incoming": {
				if (this.calls.has(e.call)) return;
				let { call: t, from: n, mode: r, user_data: i } = e, a = new w(this, {
					id: t,
					with: n,
					direction: "incoming",
					mode: r,
					userData: i ?? null
				});
				return this.calls.set(t, a), this.emit("call", a);
			}
			case "call.state":
			case "call.signal": {
				let t = this.calls.get(e.call);
				if (t) return this.#s(t, e);
				this.#a > 0 && this.#i.set(e.call, [...this.#i.get(e.call) ?? [], e]);
				return;
			}
			case "quality":
				for (let t of this.conferences.values()) e.conference && e.conference !== t.id || t.obey(e);
				return;
			case "welcome":
			case "conflict":
			case "pong": return;
			default: this.conferences.get(e.conference)?.take(e);
		}
	}
	#s(e, t) {
		t.type === "call.state" ? e.take(t) : e.signal(t);
	}
	#c(e) {
		this.#n = e, this.#t = e.client;
		let t = e.resumed === !0;
		if (!t) for (let e of [...this.calls.values()]) e.end("lost");
		for (let e of this.conferences.values()) t && e.state !== "connecting" || e.enter();
		this.emit("reconnected", t);
	}
	#l(e) {
		this.#r = e;
		for (let e of [...this.calls.values()]) e.end("lost");
		for (let t of [...this.conferences.values()]) t.lose(e);
		e.code === "conflict" && this.emit("conflict", void 0), this.emit("closed", e);
	}
};
function H(e) {
	return new Promise((t) => {
		let n = setTimeout(t, B);
		e.once("closed", () => {
			clearTimeout(n), t();
		});
	});
}
// sdk/src/socket.ts
var U = 15e3, W = 45e3, G = 15e3, ae = 1e4, K = 250, q = 1e4, J = 4001, oe = class extends l {
	#e;
	#t = /* @__PURE__ */ new Map();
	#n = null;
	#r;
	#i;
	#a = 1;
	#o = 0;
	#s = !1;
	#c = !1;
	#l = !1;
	#u = 0;
	#d;
	#f;
	constructor(e) {
		super(), this.#e = e, this.#r = e.participant;
	}
	get isReady() {
		return this.#s;
	}
	open() {
		return new Promise((e, t) => {
			this.once("welcome", e), this.once("over", t), this.#p();
		});
	}
	request(e) {
		let t = this.#n;
		if (!t || !this.#s) return Promise.reject(new d("not_connected", "There is no connection to the server at the moment."));
		let n = String(this.#a++);
		return new Promise((r, i) => {
			let a = setTimeout(() => {
				this.#t.delete(n), i(new d("timeout", `The server did not answer ${e.type} in time.`));
			}, G);
			this.#t.set(n, {
				resolve: r,
				reject: i,
				timer: a
			}), t.send(JSON.stringify({
				...e,
				ref: n
			}));
		});
	}
	close() {
		this.#b(new d("closed", "The client was closed."));
	}
	async #p() {
		let e = new URL(this.#e.url), t;
		try {
			t = this.#e.token.isRenewable ? await this.#e.token.get() : this.#e.token.current;
		} catch (e) {
			return this.#v(m(e, "token_unavailable"));
		}
		if (this.#c) return;
		let n = t ? [`bearer.${t}`] : [], r = new WebSocket(e, n);
		this.#n = r;
		let i = setTimeout(() => r.close(), ae);
		r.onopen = () => {
			r.send(JSON.stringify({
				type: "hello",
				...this.#r ? { client: this.#r } : {},
				...this.#i ? { session: this.#i } : {},
				...this.#e.maxCalls ? { max_calls: this.#e.maxCalls } : {}
			}));
		}, r.onmessage = ({ data: e }) => {
			if (this.#n !== r || typeof e != "string") return;
			this.#u = Date.now();
			let t;
			try {
				t = JSON.parse(e);
			} catch {
				return;
			}
			t.type === "welcome" && clearTimeout(i), this.#m(t);
		}, r.onclose = (e) => {
			clearTimeout(i), this.#n === r && this.#_(e.code);
		}, r.onerror = () => void 0;
	}
	#m(e) {
		switch (e.type) {
			case "ok":
			case "error": return this.#h(e);
			case "welcome": return this.#r = e.client, this.#i = e.session, this.#s = !0, this.#l = !0, this.#o = 0, this.#g(), this.emit("welcome", e);
			case "conflict": return this.#b(new d("conflict", "The same id signed in elsewhere."));
			case "pong": return;
			default: return this.emit("message", e);
		}
	}
	#h(e) {
		let t = e.ref === void 0 ? void 0 : this.#t.get(e.ref);
		!t || e.ref === void 0 ? e.type === "error" && !this.#s && this.#b(p(e)) : (this.#t.delete(e.ref), clearTimeout(t.timer), e.type === "ok" ? t.resolve(e) : t.reject(p(e)));
	}
	#g() {
		clearInterval(this.#d), this.#d = setInterval(() => {
			Date.now() - this.#u > W ? this.#n?.close() : this.#s && this.#n?.send("{\"type\":\"ping\"}");
		}, U);
	}
	#_(e) {
		let t = this.#s;
		if (this.#y(), e === J) return this.#b(new d("conflict", "The same id signed in elsewhere."));
		t ? this.emit("lost", void 0) : this.#l && this.#e.refused(), this.#v(new d("network_lost", "The server cannot be reached, or it refused the connection."));
	}
	#v(e) {
		if (this.#c) return;
		if (!this.#l) return this.#b(e);
		let t = Math.min(K * 2 ** this.#o, q);
		this.#o += 1, this.#f = setTimeout(() => void this.#p(), t / 2 + Math.random() * t / 2);
	}
	#y() {
		this.#s = !1, this.#n = null, clearInterval(this.#d);
		for (let { reject: e, timer: t } of this.#t.values()) clearTimeout(t), e(new d("network_lost", "The connection to the server was lost."));
		this.#t.clear();
	}
	#b(e) {
		if (this.#c) return;
		this.#c = !0, clearTimeout(this.#f);
		let t = this.#n;
		this.#y(), t?.close(1e3), this.emit("over", e);
	}
};
// sdk/src/connect.ts
async function se(e = {}) {
	let t = new URL(e.url ?? location.origin), n = new O(t.href, e.token), r = new URL(`${n.base}/v1/signal`);
	r.protocol = t.protocol === "https:" || t.protocol === "wss:" ? "wss:" : "ws:";
	let { participant: i, maxCalls: a } = e, o = new oe({
		url: r.href,
		token: n.token,
		participant: i,
		maxCalls: a,
		refused: () => {
			n.token.isRenewable && n.send("GET", "/v1/signal").catch(() => void 0);
		}
	}), s = new V(n, o, await ce(n, o), e.rtc);
	return globalThis.addEventListener?.("pagehide", ({ persisted: e }) => {
		e || s.abandon();
	}), s;
}
async function ce(e, t) {
	try {
		return await t.open();
	} catch (t) {
		let n = m(t);
		if (n.code !== "network_lost") throw n;
		try {
			await e.send("GET", "/v1/signal");
		} catch (e) {
			let t = m(e);
			if (t.code !== "invalid_request") throw t;
		}
		throw n;
	}
}
// sdk/src/preset.ts
var Y = {
	low: [320, 240],
	"low-16:9": [320, 180],
	standard: [640, 480],
	"standard-16:9": [640, 360],
	high: [1280, 720],
	"high-16:9": [1280, 720],
	"120p": [160, 120],
	"240p": [320, 240],
	"360p": [480, 360],
	"480p": [640, 480],
	"720p": [1280, 720],
	"1080p": [1920, 1080]
}, le = Object.keys(Y);
function ue(e) {
	let t = Y[e];
	return t && {
		width: { ideal: t[0] },
		height: { ideal: t[1] },
		frameRate: {
			ideal: 30,
			max: 30
		}
	};
}
// sdk/src/local-stream.ts
var X = class extends S {
	isLocal = !0;
	constructor(e) {
		super(e);
		for (let t of e.getTracks()) this.#t(t);
	}
	useCamera(e) {
		return this.#e("video", e);
	}
	useMicrophone(e) {
		return this.#e("audio", e);
	}
	replaceTrack(e) {
		let t = e.kind === "audio" ? "audio" : "video";
		for (let n of this.mediaStream.getTracks()) n.kind === t && n !== e && (e.enabled = n.enabled, this.mediaStream.removeTrack(n), n.stop());
		this.mediaStream.addTrack(e), this.#t(e), this.emit("track_changed", {
			kind: t,
			track: e
		});
	}
	report(e) {
		this.emit("stats", e);
	}
	close() {
		this.detach();
		for (let e of this.mediaStream.getTracks()) e.stop();
		this.emit("closed", void 0);
	}
	async #e(e, t) {
		let [n] = this.mediaStream.getTracks().filter((t) => t.kind === e), r = e === "video" ? n?.getSettings() : void 0, i = {
			deviceId: { exact: t },
			...r?.width && r.height ? {
				width: { ideal: r.width },
				height: { ideal: r.height }
			} : {}
		}, [a] = (await Z({ [e]: i })).getTracks();
		a && this.replaceTrack(a);
	}
	#t(e) {
		e.addEventListener?.("ended", () => this.emit("track_ended", { kind: e.kind === "audio" ? "audio" : "video" }));
	}
};
async function de(e = {}) {
	let { audio: t = !0, video: n = !0 } = e;
	if (t === !1 && n === !1) throw new d("invalid_argument", "A stream needs audio, video or both.");
	return new X(await Z({
		audio: t,
		video: pe(n)
	}));
}
async function fe(e = {}) {
	try {
		let t = {
			video: { frameRate: { max: 30 } },
			audio: e.audio ?? !1
		};
		return new X(await Q().getDisplayMedia(t));
	} catch (e) {
		throw $(e);
	}
}
function pe(e) {
	if (typeof e != "string") return e;
	let t = ue(e);
	if (!t) throw new d("invalid_argument", `"${e}" is no video preset; there are ${le.join(", ")}.`);
	return t;
}
async function Z(e) {
	try {
		return await Q().getUserMedia(e);
	} catch (e) {
		throw $(e);
	}
}
function Q() {
	let e = navigator.mediaDevices;
	if (e) return e;
	throw new d("device_unavailable", "Camera and microphone need a page served by HTTPS, or by localhost.");
}
var me = {
	NotAllowedError: "The browser was not allowed to use the camera, the microphone or the screen.",
	NotFoundError: "There is no such camera or microphone.",
	NotReadableError: "The camera or microphone is used by another program.",
	OverconstrainedError: "No camera or microphone can do what was asked."
};
function $(e) {
	if (e instanceof d) return e;
	let t = e instanceof Error ? me[e.name] : void 0;
	return t ? new d("device_unavailable", t, { cause: e }) : m(e, "device_unavailable");
}
// sdk/src/program.ts
function he({ url: e, token: t, conference: n, without: r, rtc: i = {} }) {
	return new C("program", {
		rest: new O(e ?? location.origin, t),
		path: `/v1/conferences/${k(n)}/program/whep${r === void 0 ? "" : `?without=${encodeURIComponent(r)}`}`,
		configuration: () => i,
		audio: !0,
		video: !0
	});
}
export { w as Call, V as Client, z as Conference, X as LocalStream, A as MeetingCast, d as MeetingCastError, M as Participant, C as RemoteStream, se as connect, fe as createScreenStream, de as createStream, he as receiveProgram };
