# An image with the program `lasso` and the library:
#   docker build -t lasso .
#   docker run --rm -v "$PWD:/data" lasso segment photo.jpg --model sam_vit_b_01ec64.pth --point 500,375
FROM debian:12-slim AS build
WORKDIR /lasso
COPY script/bootstrap script/bootstrap
RUN script/bootstrap --build
COPY . .
RUN cmake --preset release -DLASSO_BUILD_TESTS=OFF -DLASSO_BUILD_BENCHMARKS=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --prefix /usr/local --strip

FROM debian:12-slim
# What the -dev packages of the first stage link to.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libdnnl2 libfmt9 libgomp1 libjpeg62-turbo libpng16-16 libxxhash0 zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local /usr/local
RUN ldconfig && lasso --version
WORKDIR /data
ENTRYPOINT ["lasso"]
