"""The elliptic curves of signed meter values: names, object identifiers and domain parameters.

Sources: SEC 2 (secp curves), RFC 5639 (brainpool curves); the list of curves, their names and aliases is section 0.2
of the verifier's specification.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """``y^2 = x^3 + a*x + b`` over the integers modulo ``p``; the base point ``(gx, gy)`` has prime order ``order``."""

    name: str
    oid: bytes  # content of the OBJECT IDENTIFIER
    p: int
    a: int
    b: int
    gx: int
    gy: int
    order: int
    aliases: tuple[str, ...] = ()
    #: bytes of a field element, of the order, and of the longest canonical DER INTEGER below the order
    field_bytes: int = field(init=False)
    order_bytes: int = field(init=False)
    order_bits: int = field(init=False)
    integer_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        bits = self.order.bit_length()
        object.__setattr__(self, "field_bytes", (self.p.bit_length() + 7) // 8)
        object.__setattr__(self, "order_bits", bits)
        object.__setattr__(self, "order_bytes", (bits + 7) // 8)
        object.__setattr__(self, "integer_bytes", bits // 8 + 1)

    def __repr__(self) -> str:
        return f"<Curve {self.name}>"

    def holds(self, x: int, y: int) -> bool:
        """Whether the affine point lies on the curve (the point at infinity has no such coordinates)."""
        p = self.p
        return 0 <= x < p and 0 <= y < p and (y * y - (x * x * x + self.a * x + self.b)) % p == 0


def _oid(dotted: str) -> bytes:
    """Content octets of an OBJECT IDENTIFIER (X.690, 8.19)."""
    arcs = [int(arc) for arc in dotted.split(".")]
    out = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return bytes(out)


_TABLE = (
    Curve(
        "secp192k1",
        _oid("1.3.132.0.31"),
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFEE37,
        a=0,
        b=3,
        gx=0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D,
        gy=0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D,
        order=0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D,
    ),
    Curve(
        "secp192r1",
        _oid("1.2.840.10045.3.1.1"),
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFF,
        a=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFC,
        b=0x64210519E59C80E70FA7E9AB72243049FEB8DEECC146B9B1,
        gx=0x188DA80EB03090F67CBF20EB43A18800F4FF0AFD82FF1012,
        gy=0x7192B95FFC8DA78631011ED6B24CDD573F977A11E794811,
        order=0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
        aliases=("prime192v1", "P-192", "NISTP192"),
    ),
    Curve(
        "secp224k1",
        _oid("1.3.132.0.32"),
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFE56D,
        a=0,
        b=5,
        gx=0xA1455B334DF099DF30FC28A169A467E9E47075A90F7E650EB6B7A45C,
        gy=0x7E089FED7FBA344282CAFBD6F7E319F7C0B0BD59E2CA4BDB556D61A5,
        order=0x10000000000000000000000000001DCE8D2EC6184CAF0A971769FB1F7,
    ),
    Curve(
        "secp256k1",
        _oid("1.3.132.0.10"),
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F,
        a=0,
        b=7,
        gx=0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        gy=0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
        order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    ),
    Curve(
        "secp256r1",
        _oid("1.2.840.10045.3.1.7"),
        p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        a=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
        b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        order=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        aliases=("prime256v1", "P-256", "NISTP256"),
    ),
    Curve(
        "secp384r1",
        _oid("1.3.132.0.34"),
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,
        a=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFC,
        b=0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        gx=0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        gy=0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        aliases=("prime384v1", "P-384"),
    ),
    Curve(
        "secp521r1",
        _oid("1.3.132.0.35"),
        p=int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "fffffffffffffffffffffffffffffffffff",
            16,
        ),
        a=int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffc",
            16,
        ),
        b=int(
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf"
            "073573df883d2c34f1ef451fd46b503f00",
            16,
        ),
        gx=int(
            "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8"
            "de3348b3c1856a429bf97e7e31c2e5bd66",
            16,
        ),
        gy=int(
            "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0"
            "761353c7086a272c24088be94769fd16650",
            16,
        ),
        order=int(
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a"
            "5d03bb5c9b8899c47aebb6fb71e91386409",
            16,
        ),
        aliases=("P-521",),
    ),
    Curve(
        "brainpoolP256r1",
        _oid("1.3.36.3.3.2.8.1.1.7"),
        p=0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        a=0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
        b=0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
        gx=0x8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262,
        gy=0x547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997,
        order=0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
        aliases=("brainpool256r1",),
    ),
    Curve(
        "brainpoolP384r1",
        _oid("1.3.36.3.3.2.8.1.1.11"),
        p=0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53,
        a=0x7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A503AD4EB04A8C7DD22CE2826,
        b=0x4A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB4390295DBC9943AB78696FA504C11,
        gx=0x1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8E826E03436D646AAEF87B2E247D4AF1E,
        gy=0x8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF99129280E4646217791811142820341263C5315,
        order=0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
        aliases=("brainpool384r1",),
    ),
    Curve(
        "brainpoolP512r1",
        _oid("1.3.36.3.3.2.8.1.1.13"),
        p=int(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e6"
            "2881ff2f2d82c68528aa6056583a48f3",
            16,
        ),
        a=int(
            "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b5"
            "7f1117a72bf2c7b9e7c1ac4d77fc94ca",
            16,
        ),
        b=int(
            "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67"
            "984050b75ebae5dd2809bd638016f723",
            16,
        ),
        gx=int(
            "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f"
            "7c6d5047406a5e688b352209bcb9f822",
            16,
        ),
        gy=int(
            "7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e5bca4bd88a2763ae"
            "d1ca2b2fa8f0540678cd1e0f3ad80892",
            16,
        ),
        order=int(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac1047"
            "1db1d381085ddaddb58796829ca90069",
            16,
        ),
        aliases=("brainpool512r1",),
    ),
)

#: Canonical name -> curve, in the order of the specification.
CURVES: dict[str, Curve] = {curve.name: curve for curve in _TABLE}

_NAMES: dict[str, Curve] = {name.lower(): curve for curve in _TABLE for name in (curve.name, *curve.aliases)}
_OIDS: dict[bytes, Curve] = {curve.oid: curve for curve in _TABLE}


def by_name(name: str) -> Curve | None:
    """The curve of a canonical name or alias, case ignored; ``None`` if there is none."""
    return _NAMES.get(name.lower())


def by_oid(content: bytes) -> Curve | None:
    """The curve of the content octets of an object identifier; ``None`` if there is none."""
    return _OIDS.get(content)
