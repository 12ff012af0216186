/** Where segment files live: a port with direct and buffered files behind it. */
@NullMarked
package io.spillway.wal.device;

import org.jspecify.annotations.NullMarked;
