/**
 * From a socket to whole frames: memory is reserved before it is allocated, and the bytes are read
 * straight into the buffer that stays theirs.
 */
@NullMarked
package io.spillway.protocol.frame;

import org.jspecify.annotations.NullMarked;
