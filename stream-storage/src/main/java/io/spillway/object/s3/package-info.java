/** Objects in S3 and in stores that speak its protocol. The only package that knows the AWS SDK. */
@NullMarked
package io.spillway.object.s3;

import org.jspecify.annotations.NullMarked;
