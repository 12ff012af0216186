/**
 * The Netty server: connections, order of responses, limits, and the port to whoever answers
 * requests.
 */
@NullMarked
package io.spillway.protocol.server;

import org.jspecify.annotations.NullMarked;
