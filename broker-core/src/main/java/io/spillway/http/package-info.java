/** The HTTP port for monitoring: a few read-only pages. */
@NullMarked
package io.spillway.http;

import org.jspecify.annotations.NullMarked;
