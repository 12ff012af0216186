/** Failures in words for whoever started the broker. */
@NullMarked
package io.spillway.failure;

import org.jspecify.annotations.NullMarked;
