/** Numbered records in a bucket, each created if absent: the only consensus there is (P4-P7). */
@NullMarked
package io.spillway.sharedlog;

import org.jspecify.annotations.NullMarked;
