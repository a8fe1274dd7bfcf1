// A worker that counts frames: its timer keeps its pace whatever the page's own timers are held to.
// In: {start, fps}, on the `Date.now`-free clock `performance.timeOrigin + performance.now()`. Out: the frame number that is due.
onmessage = ({ data: { start, fps } }) => {
  let last = -1;
  setInterval(() => {
    const due = Math.floor(((performance.timeOrigin + performance.now() - start) * fps) / 1000);
    if (due <= last || due < 0) return;
    // A frame that was not drawn in time is left out, never drawn late: the number always tells the time.
    last = due;
    postMessage(due);
  }, 1000 / fps / 4);
};
