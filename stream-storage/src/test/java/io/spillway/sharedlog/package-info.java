/** Tests of the shared log on a bucket that misbehaves. */
@NullMarked
package io.spillway.sharedlog;

import org.jspecify.annotations.NullMarked;
