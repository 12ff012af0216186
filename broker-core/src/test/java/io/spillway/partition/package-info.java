/** Tests of partitions, and the fakes that tests of their users share. */
@NullMarked
package io.spillway.partition;

import org.jspecify.annotations.NullMarked;
