package io.spillway.protocol.frame;

/**
 * What a frame may cost.
 *
 * @param maxFrameBytes largest length prefix accepted ({@code socket.request.max.bytes})
 * @param frameTimeoutNanos a frame that was begun must be whole within this time
 * @param progressWindowNanos how often progress inside a frame is judged
 * @param minProgressBytes what must arrive of an unfinished frame in one window
 */
public record FrameLimits(
    int maxFrameBytes, long frameTimeoutNanos, long progressWindowNanos, int minProgressBytes) {}
